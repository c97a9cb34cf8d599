package netdriver

import (
	"net"
	"testing"
)

func TestHeardTellsASilentConnectionFromOneThatEnded(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var ear Ear
	if ear.Heard(ours) {
		t.Error("something was heard of a silent connection")
	}
	if n := testing.AllocsPerRun(100, func() { ear.Heard(ours) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	hear := func(what string) {
		t.Helper()
		for !ear.Heard(ours) { // it's on its way
		}
		if !ear.Heard(ours) {
			t.Errorf("%s was heard once only", what)
		}
	}
	if _, err := theirs.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	hear("a byte")
	if n, err := ours.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("%d bytes were left to be read (%v), want 1", n, err)
	}
	if ear.Heard(ours) {
		t.Error("it was read, and is heard again")
	}
	theirs.Close()
	hear("the end")
	if new(Ear).Heard(&dials{}) {
		t.Error("something was heard of what has no socket")
	}
}
