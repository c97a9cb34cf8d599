package demo

import (
	"context"
	"fmt"
	"slices"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/open"
)

func openAndRead(ctx context.Context, t *tour) error {
	out, url := t.out, t.quietURL()
	// show
	db, err := open.Open(ctx, plinth.Options{URL: url})
	if err != nil {
		return err
	}
	// end
	t.db = db
	// show
	_, err = db.Execute(ctx, "create table book (id integer primary key, title text not null, year int)")
	if err != nil {
		return err
	}
	_, err = db.ExecuteMany(ctx, "insert into book (title, year) values (?, ?)", slices.Values([][]any{
		{"Emma", 1815}, {"Dracula", 1897}, {"Ulysses", 1922},
	}))
	if err != nil {
		return err
	}

	type Book struct {
		ID    int64
		Title string
		Year  int
	}
	books, err := plinth.All[Book](ctx, db, "select id, title, year from book where year < ? order by year", 1900)
	if err != nil {
		return err
	}
	for _, b := range books {
		fmt.Fprintf(out, "%+v\n", b)
	}
	// end
	return expect(slices.Equal(books, []Book{{1, "Emma", 1815}, {2, "Dracula", 1897}}), "read %+v", books)
}
