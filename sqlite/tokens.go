package sqlite

import "github.com/plinthdb/plinth/driver"

// Tokens implements driver.Tokens.
func (b *backend) Tokens() driver.TokenStatements {
	return driver.TokenStatements{
		Create: []string{
			`CREATE TABLE IF NOT EXISTS plinth_tokens (
	token TEXT NOT NULL PRIMARY KEY,
	result TEXT,
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
) STRICT`,
			"CREATE INDEX IF NOT EXISTS plinth_tokens_created_at ON plinth_tokens (created_at)",
		},
		Insert: "INSERT INTO plinth_tokens (token) VALUES (?) ON CONFLICT (token) DO NOTHING",
		Store:  "UPDATE plinth_tokens SET result = ? WHERE token = ?",
		Find:   "SELECT result FROM plinth_tokens WHERE token = ?",
		Prune: `DELETE FROM plinth_tokens WHERE rowid IN (
	SELECT rowid FROM plinth_tokens WHERE created_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ? || ' seconds') LIMIT ?)`,
	}
}
