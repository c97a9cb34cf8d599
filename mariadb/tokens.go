package mariadb

import (
	"context"
	"strconv"

	"github.com/plinthdb/plinth/driver"
)

// Tokens implements driver.Tokens. A token is a VARBINARY, which no collation pads or folds. INSERT IGNORE waits for another
// transaction that has the same token open, and where it commits nothing is inserted, without an error. If the server has
// refused to open the transaction (a KILL QUERY may hit that, too) it still runs what is sent behind: the token isn't inserted
// then, for it would be there for good, without its work.
func (b *backend) Tokens() driver.TokenStatements {
	return driver.TokenStatements{
		Bytes: true,
		Create: []string{`CREATE TABLE IF NOT EXISTS plinth_tokens (
	token VARBINARY(255) NOT NULL PRIMARY KEY,
	result MEDIUMTEXT CHARACTER SET utf8mb4,
	created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
	KEY plinth_tokens_created_at (created_at)
) ENGINE = InnoDB`},
		Insert: "INSERT IGNORE INTO plinth_tokens (token) SELECT ? FROM DUAL WHERE @@in_transaction = 1",
		Store:  "UPDATE plinth_tokens SET result = ? WHERE token = ?",
		Find:   "SELECT result FROM plinth_tokens WHERE token = ?",
		Prune:  "DELETE FROM plinth_tokens WHERE created_at < now(6) - INTERVAL ? SECOND ORDER BY created_at LIMIT ?",
	}
}

// identity is who a session is. Its number is given out anew when the server starts again, and another server has numbers
// of its own; so there is which start of which server it was: UUID_SHORT has that in its upper bits, the server's id and
// when it started. (A server that was asked for more than 16 million of them counts as another, and nothing is ended
// there.) https://mariadb.com/docs/server/reference/sql-functions/secondary-functions/miscellaneous-functions/uuid_short
type identity struct{ number, start string }

const whoAmI = "SELECT CONNECTION_ID(), CONCAT(UUID_SHORT() >> 24, '@', @@hostname)"

// Identity implements driver.Fencer. It's asked once a connection. Behind a proxy, which is known by the number that the
// login was told being none of the server's, nobody can say what KILL would hit, and there is none.
func (s *session) Identity(ctx context.Context) (any, error) {
	if s.who != nil {
		return *s.who, nil
	}
	who, f := s.identify(ctx)
	if f != nil {
		return nil, f
	}
	if who.number != strconv.FormatUint(uint64(s.ID()), 10) {
		return nil, nil
	}
	s.who = &who
	return who, nil
}

// Fence implements driver.Fencer, by KILL. Every user may end his own sessions.
func (s *session) Fence(ctx context.Context, who any) error {
	id, ok := who.(identity)
	if !ok {
		return driver.Faultf(driver.Argument, "a %T is no session of MariaDB's", who)
	}
	me, f := s.identify(ctx)
	if f != nil {
		return f
	}
	if me.start != id.start {
		return nil // the server has started again, or is another: the session is gone
	}
	if f := s.control(ctx, driver.Run, "KILL "+id.number); f != nil && f.Code != unknownThread {
		return f
	}
	return nil
}

// unknownThread is ER_NO_SUCH_THREAD.
const unknownThread = "1094"

// identify asks the server who this session is.
func (s *session) identify(ctx context.Context) (identity, *driver.Fault) {
	if f := s.usable(ctx, driver.Prepare); f != nil {
		return identity{}, f
	}
	s.StartCall(ctx)
	defer s.EndCall()
	row, f := s.ask(ctx, whoAmI)
	if f == nil && len(row) != 2 {
		f = driver.Faultf(driver.Unknown, "the server's answer about its session can't be read")
	}
	if f != nil {
		return identity{}, f
	}
	return identity{row[0], row[1]}, nil
}
