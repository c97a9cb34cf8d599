package mongodb_test

import (
	"testing"

	"github.com/plinthdb/plinth/integration/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }
