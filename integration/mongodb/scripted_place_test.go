package mongodb_test

import (
	"context"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/mongotest"
)

// TestReadsGoWhereTheURLSaysUnlessTheyHaveToSeeAWrite looks at which member each command came to.
func TestReadsGoWhereTheURLSaysUnlessTheyHaveToSeeAWrite(t *testing.T) {
	t.Parallel()
	read := func(ctx context.Context, q plinth.Querier) error {
		for _, statement := range []string{
			"db.accounts.find({_id: 1})", "db.accounts.findOne({_id: 1})", "db.accounts.aggregate([{$match: {_id: 1}}])",
			"db.accounts.countDocuments({})", "db.accounts.distinct('balance')", `{"listCollections": 1}`,
		} {
			if _, err := q.FetchAll(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}
	const primary, others = "primary", "others"
	for name, test := range map[string]struct {
		calls    func(ctx context.Context, e *plinth.Engine) error
		commands []string
		where    string
	}{
		"a read": {func(ctx context.Context, e *plinth.Engine) error { return read(ctx, e) }, nil, others},
		"a read that must see a write elsewhere": {
			func(ctx context.Context, e *plinth.Engine) error { return read(plinth.OnPrimary(ctx), e) }, nil, primary,
		},
		"a read of a pinned session": {func(ctx context.Context, e *plinth.Engine) error {
			return e.With(ctx, func(c *plinth.Conn) error {
				if _, err := c.Execute(ctx, "db.accounts.updateOne({_id: 1}, {$inc: {balance: 1}})"); err != nil {
					return err
				}
				return read(ctx, c)
			})
		}, nil, primary},
		"a transaction": {func(ctx context.Context, e *plinth.Engine) error {
			return e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.FetchAll(ctx, "db.accounts.find({})")
				return err
			})
		}, nil, primary},
		"one that only reads": {func(ctx context.Context, e *plinth.Engine) error {
			return e.InTx(ctx, func(ctx context.Context, tx *plinth.Tx) error {
				_, err := tx.FetchAll(ctx, "db.accounts.find({})")
				return err
			}, plinth.TxOptions{ReadOnly: true})
		}, nil, primary},
		"writes": {func(ctx context.Context, e *plinth.Engine) error {
			for _, statement := range []string{
				"db.entries.insertOne({_id: 1})", "db.entries.createIndex({a: 1})", `{"create": "others"}`, "db.entries.drop()",
			} {
				if _, err := e.Execute(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		}, nil, primary},
		"tokens": {func(ctx context.Context, e *plinth.Engine) error {
			if err := plinth.CreateTokens(ctx, e); err != nil {
				return err
			}
			for range 2 {
				if _, _, err := once(ctx, e, "x"); err != nil {
					return err
				}
			}
			return nil
		}, nil, primary},
	} {
		for _, preference := range []string{"secondary", "secondaryPreferred", "primary"} {
			t.Run(name+" under "+preference, func(t *testing.T) {
				t.Parallel()
				s := mongotest.Start(t, mongotest.Members(3))
				st := &stage{url: s.URL(), scripted: s, documents: s.Documents}
				st.fill(t)
				e := openEngine(t, st.url+"&readPreference="+preference)
				if err := e.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
				before := len(s.Commands())
				if err := test.calls(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				onPrimary := test.where == primary || preference == primary
				for _, c := range s.Commands()[before:] {
					if (c.Member == 0) != onPrimary && c.Name != "endSessions" {
						t.Errorf("%s went to member %d", c.Name, c.Member)
					}
				}
				if n := len(s.Commands()) - before; n == 0 {
					t.Error("nothing was sent")
				}
			})
		}
	}
}
