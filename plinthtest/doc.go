// Package plinthtest is for the tests of code that stands on a database: a proxy that does to a connection what
// networks and servers do to it, at the byte and moment that the test says, and private databases.
//
// To test what your code does when a write's answer is lost, open it through a [Proxy] and drop the answer:
//
//	proxy := plinthtest.NewProxy(t, "127.0.0.1:5432")         // ends with the test
//	db, err := postgres.Open(ctx, …proxy.URL(databaseURL)…)   // the same URL with the proxy's host and port
//	…
//	proxy.DropReply(plinthtest.Drop{Containing: "insert into orders"})
//	err = PlaceOrder(ctx, db, order) // the server has done it, the caller can't know:
//	// assert what PlaceOrder promises then, such as one row exactly after it was called once more
//
// The other faults are set in the same way while connections run: [Proxy.CutAfter], [Proxy.Cut], [Proxy.Blackhole],
// [Proxy.Delay], [Proxy.Throttle], [Proxy.Refuse]; [Proxy.OnConnect] plans them for each connection by its number;
// [Proxy.Heal] takes all of them away. Tests wait for [Proxy.WaitFor] instead of sleeping.
//
// The proxy knows no protocol: it counts bytes and sees who speaks. So it works for every database, and through TLS.
package plinthtest
