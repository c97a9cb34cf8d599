package mongodb

import (
	"testing"

	"github.com/plinthdb/plinth/driver"
)

// The server's answers to them are integration/mongodb's; here they're read and bound as the engine does.
func TestTheStatementsAboutTokensAreUnderstood(t *testing.T) {
	t.Parallel()
	b := &backend{}
	st := b.Tokens()
	bind := func(text string, access driver.Access, args ...any) {
		t.Helper()
		compiled, err := b.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		if compiled.Access != access {
			t.Errorf("%s: access %d", text, compiled.Access)
		}
		if _, _, err := compiled.Binder.Bind(args); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range st.Create {
		bind(text, driver.Write)
	}
	bind(st.Insert, driver.Write, "token")
	bind(st.Store, driver.Write, `{"a": 1}`, "token")
	bind(st.Find, driver.Read, "token")
	bind(st.Prune, driver.Write, 3600.0, 1000)
}
