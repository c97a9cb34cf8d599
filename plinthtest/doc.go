// Package plinthtest is for the tests of code that stands on a database: a proxy that does to a connection what
// networks and servers do to it, at the byte and moment that the test says; and a private database for each test.
//
// What does your code do when the answer to a write is lost, so that nobody can know whether it was applied? Let it go
// through a [Proxy] and lose that answer:
//
//	url := plinthtest.Database(t, postgres.Open, os.Getenv("TEST_DATABASE_URL")) // empty, dropped with the test
//	proxy := plinthtest.NewProxy(t, "127.0.0.1:5432")                            // closed with the test
//	db, err := postgres.Open(ctx, plinth.Options{URL: proxy.URL(url)})           // the same URL by way of the proxy
//	…
//	err = PlaceOrder(ctx, db, first)                 // connects and prepares what it needs
//	proxy.DropReply(plinthtest.Drop{})               // of the next request, whoever sends it
//	err = PlaceOrder(ctx, db, second)                // the server has done it, your code doesn't hear of it
//	if !errors.Is(err, plinth.ErrOutcomeUnknown) { … // and what does it do then?
//
// [Drop] says which reply, where it isn't the next. The other faults are set in the same way while connections run:
// [Proxy.CutAfter], [Proxy.Cut], [Proxy.Blackhole], [Proxy.Delay], [Proxy.Throttle], [Proxy.Refuse]. [Proxy.OnConnect]
// plans them for each connection by its number, and [Proxy.Heal] takes all of them away. Tests wait with
// [Proxy.WaitFor] instead of sleeping.
//
// The proxy knows no protocol: it counts bytes and sees who speaks. So it works for every database, and through TLS.
package plinthtest
