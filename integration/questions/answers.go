package questions

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/plinthdb/plinth"
)

// of returns how answers with rows of type T are asked for and parsed.
func of[T any]() answers {
	return answers{
		ask: func(ctx context.Context, e *plinth.Engine, statement string, args []any) (any, error) {
			return plinth.All[T](ctx, e, statement, args...)
		},
		parse: func(text []byte) (any, error) {
			var rows []T
			d := json.NewDecoder(bytes.NewReader(text))
			d.DisallowUnknownFields()
			err := d.Decode(&rows)
			return rows, err
		},
	}
}

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func decimal(digits string) plinth.Decimal {
	d, err := plinth.ParseDecimal(digits)
	if err != nil {
		panic(err)
	}
	return d
}

// The types that answers are read into, each named after one row.
type (
	customer struct {
		CustomerID          int64
		FirstName, LastName string
		Company             *string
		State               sql.Null[string]
		Fax                 any
	}
	track struct {
		TrackID      int64
		Name         string
		Composer     *string
		Milliseconds int32
		Bytes        *int64
	}
	invoiceTotal struct {
		InvoiceID int64
		Total     plinth.Decimal
	}
	invoice struct {
		InvoiceID    int64
		InvoiceDate  time.Time
		Day          time.Time
		BillingState *string
		Total        plinth.Decimal
	}
	customerCount struct {
		Customers, Companies, States, Countries, Neither int
		OnTheMoon                                        *int
	}
	countrySales struct {
		Country                  string
		Invoices                 int
		Spent, Smallest, Largest plinth.Decimal
		First, Last              time.Time
	}
	albumLength struct {
		AlbumID      int64
		Tracks       uint16
		Milliseconds int64
		Bytes        int64
		Mean         float64
	}
	monthSales struct {
		Year     int
		Month    time.Month
		Invoices int
		Spent    plinth.Decimal
	}
	mediaPrice struct {
		UnitPrice   plinth.Decimal
		MediaTypeID int64
	}
	name struct {
		Name    string
		Letters int
	}
	trackClass struct {
		Class             string
		Tracks, Anonymous int
		Cheapest, Dearest plinth.Decimal
		Mean              plinth.Decimal
	}
	// Person is embedded in what names one.
	Person   struct{ FirstName, LastName string }
	purchase struct {
		Person
		Company *string
		Bought  time.Time
		Album   struct {
			Title string
			By    string `db:"artist"`
		}
		Track, Genre string
		Ms           int64 `db:"milliseconds"`
		UnitPrice    plinth.Decimal
		Quantity     int
	}
	album struct {
		AlbumID int64
		Title   string
	}
	artistAlbum struct {
		ArtistID int64
		Name     string
		Album    *album // nil where there is none
	}
	employee struct {
		EmployeeID int64
		Person
		BirthDate, HireDate time.Time
		ManagerHired        *time.Time
		Manager             string
		OtherCity           *string
	}
	genreSales struct {
		GenreID int64
		Name    string
		Sold    int
		Earned  *plinth.Decimal // NULL is nothing sold
		Known   plinth.Decimal
	}
	taste struct {
		CustomerID   int64
		LastName     string
		Blues, Cheap bool
	}
	below struct {
		Depth int
		Name  string
	}
	ranked struct {
		LastName     string
		Place        int
		InvoiceID    int64
		InvoiceDate  time.Time
		Previous     sql.Null[time.Time]
		Total, SoFar plinth.Decimal
	}
	countryInvoices struct {
		Country  string `db:"_id"`
		Invoices int
	}
	albumTime struct {
		AlbumID      int64 `db:"_id"`
		Milliseconds int64
	}
	priceSold struct {
		UnitPrice plinth.Decimal `db:"_id"`
		Sold      int
	}
	albumTitle struct {
		Title        string
		Tracks       int
		Milliseconds int64
	}
)
