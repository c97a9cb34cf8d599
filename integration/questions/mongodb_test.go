package questions_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/questions"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/mongodb"
)

// TestMongoDBGivesSQLitesAnswers loads Chinook's JSON by the command, and asks FerretDB what it can answer of one collection: four of the
// twelve questions without a join, and three more with $group. PLINTH_MONGODB_URL has them answered by a real MongoDB.
//
// The file differs from SQL's scripts in three ways:
//   - Text that is NULL in those is empty in it. clean makes it null, so that it's read as NULL: into nil, or sql.Null.
//   - Prices are numbers with a fraction, which load makes doubles of: 0.99 is found by the float64 0.99, and read into plinth.Decimal
//     as 0.99. Sums of doubles aren't exact.
//   - Dates are text, "2022-01-08T00:00:00", which is in the order of time.
//
// FerretDB v1.24 computes nothing but $type and $sum of a field, and has one accumulator in a $group. So it can't answer those of the
// questions that ask for parts of a date, lengths of text, means, extremes, two sums of a group, or each value once.
func TestMongoDBGivesSQLitesAnswers(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "plinth")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/plinth")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, data := range datasets() {
		t.Run(data.name, func(t *testing.T) {
			t.Parallel()
			data.skipIfAbsent(t)
			eng := engines()[0]
			sql := eng.open(t)
			data.load(t, eng, sql)
			file := filepath.Join(data.folder, "ChinookData.json")
			if data.folder == "" {
				file = asJSON(t, sql)
			}
			where := mongoDB(t)
			if out, err := exec.CommandContext(t.Context(), program, "-d", where, "load", "-f", file).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			docs := opened(t, mongodb.Open, where)
			if os.Getenv(realMongoDB) != "" {
				defer run(t, docs, `{"dropDatabase": 1}`)
			}
			clean(t, docs)
			asked := 0
			for _, q := range append(questions.All(), questions.Groups()...) {
				if q.Mongo == "" {
					continue
				}
				asked++
				t.Run(q.Name, func(t *testing.T) {
					got, err := q.Answer(t.Context(), docs)
					if err != nil {
						t.Fatal(err)
					}
					want, err := q.Answer(t.Context(), sql)
					if err != nil {
						t.Fatal(err)
					}
					if !equal(reflect.ValueOf(got), reflect.ValueOf(want)) || reflect.ValueOf(want).Len() == 0 {
						t.Errorf("%s\n%s\ngot\n%s\nwant\n%s", q.Asks, q.Mongo, rows(t, got), rows(t, want))
					}
				})
			}
			if asked != 7 {
				t.Errorf("%d questions were asked", asked)
			}
		})
	}
}

// realMongoDB is where a real MongoDB is named.
const realMongoDB = "PLINTH_MONGODB_URL"

// mongoDB returns the URL of an empty database.
func mongoDB(t *testing.T) string {
	t.Helper()
	where := os.Getenv(realMongoDB)
	if where == "" {
		return servers.FerretDB(t, servers.Durable()).Database(t)
	}
	u, err := url.Parse(where)
	if err != nil {
		t.Fatal(realMongoDB + " is no URL")
	}
	query := u.Query()
	if u.User != nil && !query.Has("authSource") {
		query.Set("authSource", "admin")
	}
	u.Path, u.RawQuery = fmt.Sprintf("/plinth_%d_%d", os.Getpid(), time.Now().UnixNano()), query.Encode()
	return u.String()
}

// clean makes null of the empty text that stands for it.
func clean(t *testing.T, e *plinth.Engine) {
	t.Helper()
	for _, statement := range []string{
		`db.Customer.updateMany({Company: ""}, {$set: {Company: null}})`,
		`db.Customer.updateMany({State: ""}, {$set: {State: null}})`,
		`db.Customer.updateMany({Fax: ""}, {$set: {Fax: null}})`,
		`db.Track.updateMany({Composer: ""}, {$set: {Composer: null}})`,
	} {
		result, err := e.Execute(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		if result.RowsAffected == 0 {
			t.Errorf("%s: there is none", statement)
		}
	}
}

// asJSON writes the excerpt into a file as Chinook's JSON has it: see TestMongoDBGivesSQLitesAnswers.
func asJSON(t *testing.T, e *plinth.Engine) string {
	t.Helper()
	file := make(map[string][]map[string]any)
	for name, table := range map[string]string{"Customer": "customer", "Track": "track", "Invoice": "invoice", "InvoiceLine": "invoice_line"} {
		all, err := e.FetchAll(t.Context(), "select * from "+table)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range all {
			doc := make(map[string]any)
			for column, value := range row.All() {
				key := ""
				for _, word := range strings.Split(column, "_") {
					key += strings.ToUpper(word[:1]) + word[1:]
				}
				switch v := value.(type) {
				case nil:
					doc[key] = ""
				case time.Time:
					doc[key] = v.Format("2006-01-02T15:04:05")
				default:
					doc[key] = v
				}
			}
			file[name] = append(file[name], doc)
		}
	}
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ChinookData.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
