package stdsql_test

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/schema"
)

// Author and Book are models as bun's own documentation has them.
type Author struct {
	bun.BaseModel `bun:"table:authors"`

	ID       int64             `bun:",pk,autoincrement"`
	Name     string            `bun:"type:varchar(100),unique,notnull"`
	Born     time.Time         `bun:",type:date"`
	Settings map[string]string `bun:"type:json"`
	Photo    []byte
	Price    float64   `bun:"type:numeric(10,2)"`
	Token    string    `bun:"type:uuid"`
	Seen     time.Time `bun:",nullzero"`
	Note     *string
	Books    []*Book `bun:"rel:has-many,join:id=author_id"`
}

type Book struct {
	ID       int64 `bun:",pk,autoincrement"`
	Title    string
	AuthorID int64
	Author   *Author `bun:"rel:belongs-to,join:author_id=id"`
}

// Shelf has what only PostgreSQL has.
type Shelf struct {
	ID      int64             `bun:",pk,autoincrement"`
	Names   []string          `bun:",array"`
	Years   []int64           `bun:",array"`
	Details map[string]string `bun:"type:jsonb"`
	Token   string            `bun:"type:uuid,nullzero,default:gen_random_uuid()"`
}

func bunOn(t *testing.T, db *database, models ...any) *bun.DB {
	t.Helper()
	var dialect schema.Dialect = pgdialect.New()
	if db.engine.Name() == "mariadb" {
		dialect = mysqldialect.New()
	}
	b := bun.NewDB(db.DB, dialect)
	for _, model := range models {
		_, err := b.NewCreateTable().Model(model).IfNotExists().Exec(t.Context())
		ok(t, err)
	}
	return b
}

func TestBunModels(t *testing.T) { eachServer(t, useBunModels) }

func useBunModels(t *testing.T, db *database) {
	b := bunOn(t, db, (*Author)(nil), (*Book)(nil))
	ctx := t.Context()
	anna := &Author{
		Name: "Anna ' ? \\ Seghers", Born: time.Date(1900, 11, 19, 0, 0, 0, 0, time.UTC),
		Settings: map[string]string{"lang": `de "'\\?`}, Photo: []byte{0, '\\', 0xff}, Price: 12.5,
		Token: "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	}
	_, err := b.NewInsert().Model(anna).Exec(ctx)
	ok(t, err)
	if anna.ID == 0 {
		t.Error("no id came back")
	}
	books := []*Book{{Title: "Transit", AuthorID: anna.ID}, {Title: "Das siebte Kreuz", AuthorID: anna.ID}}
	_, err = b.NewInsert().Model(&books).Exec(ctx)
	ok(t, err)

	got := new(Author)
	ok(t, b.NewSelect().Model(got).Relation("Books").Where("name LIKE ?", "Anna%").Scan(ctx))
	want := *anna
	want.Books = books
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("read\n%+v, wrote\n%+v", *got, want)
	}
	book := new(Book)
	ok(t, b.NewSelect().Model(book).Relation("Author").Where("title = ?", "Transit").Scan(ctx))
	if book.Author == nil || !reflect.DeepEqual(book.Author.Settings, anna.Settings) {
		t.Errorf("%+v", book.Author)
	}
	n, err := b.NewSelect().Model((*Book)(nil)).Where("id IN (?)", bun.List([]int64{1, 2, 3})).Count(ctx)
	if n != 2 || err != nil {
		t.Errorf("Count = %d, %v; want 2", n, err)
	}
	res, err := b.NewUpdate().Model(anna).Set("note = ?", "new").WherePK().Exec(ctx)
	ok(t, err)
	if n, err := res.RowsAffected(); n != 1 || err != nil {
		t.Errorf("RowsAffected = %d, %v; want 1", n, err)
	}
	var maps []map[string]any
	ok(t, b.NewSelect().Model((*Book)(nil)).Order("id").Scan(ctx, &maps))
	if len(maps) != 2 || maps[0]["title"] != "Transit" || maps[0]["id"] != int64(1) {
		t.Errorf("as maps: %v", maps)
	}
	err = b.NewSelect().Model(new(Author)).Where("id = 0").Scan(ctx)
	if !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("no author: %v, want sql.ErrNoRows", err)
	}
	_, err = b.NewInsert().Model(&Author{Name: anna.Name, Token: anna.Token}).Exec(ctx)
	if !errors.Is(err, plinth.ErrUnique) {
		t.Errorf("a second one: %v, want ErrUnique", err)
	}
}

func TestBunArraysOnPostgres(t *testing.T) {
	b := bunOn(t, onPostgres(t), (*Shelf)(nil))
	ctx := t.Context()
	want := &Shelf{Names: []string{"a@b", `with "quotes", {braces}`, ""}, Years: []int64{1900, -1}, Details: map[string]string{"lang": "de"}}
	_, err := b.NewInsert().Model(want).Exec(ctx)
	ok(t, err)
	got := new(Shelf)
	ok(t, b.NewSelect().Model(got).Where("? = ANY (names)", "a@b").Scan(ctx))
	if got.Token == "" || !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v, wrote\n%+v", got, want)
	}
}

func TestBunTransactionsNest(t *testing.T) { eachServer(t, nestBunTransactions) }

func nestBunTransactions(t *testing.T, db *database) {
	b := bunOn(t, db, (*Book)(nil))
	refused := errors.New("refused")
	ok(t, b.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		add := func(db bun.IDB, title string) {
			_, err := db.NewInsert().Model(&Book{Title: title}).Exec(ctx)
			ok(t, err)
		}
		add(tx, "kept")
		err := tx.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			add(tx, "undone")
			return refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("%v, want the function's error", err)
		}
		err = tx.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, "SELECT * FROM nowhere")
			return err
		})
		if !errors.Is(err, plinth.ErrUndefined) {
			t.Errorf("a table that isn't there: %v, want ErrUndefined", err)
		}
		return tx.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			add(tx, "kept, too")
			return nil
		})
	}))
	if n := one[int](t, db, "SELECT count(*) FROM books"); n != 2 {
		t.Errorf("%d books, want 2", n)
	}
}
