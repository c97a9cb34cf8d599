package callsite_test

import (
	"strings"
	"testing"

	"github.com/plinthdb/plinth/internal/callsite"
)

func TestTheSiteIsTheFirstFrameOutsidePlinth(t *testing.T) {
	t.Parallel()
	var s callsite.Stack
	if !s.Empty() || s.Site() != "" || s.String() != "" {
		t.Error("the zero Stack isn't empty")
	}
	s.Capture()
	if site := s.Site(); !strings.HasPrefix(site, "callsite_test.go:") || !strings.Contains(site, "TestTheSite") {
		t.Errorf("Site() = %q, want this test", site)
	}
	if site := callsite.Caller(); !strings.HasPrefix(site, "callsite_test.go:") {
		t.Errorf("Caller() = %q, want this test", site)
	}
}

func TestCapturingAllocatesNothing(t *testing.T) {
	var s callsite.Stack
	if n := testing.AllocsPerRun(100, s.Capture); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
