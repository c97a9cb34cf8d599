// Package wire speaks MariaDB's client/server protocol. It knows packets, logins, commands and replies; it knows nothing of
// Plinth's driver seam, of contexts (but for Connect), of SQL, or of what the bytes of a value mean.
//
// A [Conn] is used by one goroutine at a time. Commands are queued by its Send methods, leave with [Conn.Flush], and are
// answered in the order in which they were sent: [Conn.ReadPrepared] reads the answer to a prepare, [Conn.ReadResult] and
// [Conn.ReadRow] read all others. Several commands may be sent before the first answer is read.
//
// No method looks at a clock: the caller sets deadlines on [Conn.NetConn]. A read that timed out lost nothing; calling the
// same method again goes on where it stopped. That is what cancelling a statement and keeping its connection builds on.
//
// The server isn't trusted: each length is checked against what arrived, memory grows only as bytes come in, packets out of
// order end the connection, and no file's contents are sent but those of a reader given with that very command.
//
// The rules are those of https://mariadb.com/docs/server/reference/clientserver-protocol; where a comment says "page
// com_query", it's the page of that name below there.
package wire
