package mariadb_test

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"
	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/integration/suite"
)

// A randomType is a type of column, random values for it, and what go-sql-driver makes of what Plinth reads, where that isn't
// the same. Those are the differences that docs/types.md lists.
type randomType struct {
	sql    string
	random func(*rand.Rand) (mine, theirs any) // the argument for Plinth, and for go-sql-driver
	differ func(any) any
}

// both is for arguments that both take.
func both[T any](random func(*rand.Rand) T) func(*rand.Rand) (mine, theirs any) {
	return func(r *rand.Rand) (any, any) {
		v := random(r)
		return v, v
	}
}

// ints returns whole numbers of any size up to bits.
func ints(bits int) func(*rand.Rand) (mine, theirs any) {
	return both(func(r *rand.Rand) int64 { return int64(r.Uint64()) >> (64 - bits + r.IntN(bits)) })
}

func uints(bits int) func(*rand.Rand) (mine, theirs any) {
	return both(func(r *rand.Rand) uint64 { return r.Uint64() >> (64 - bits + r.IntN(bits)) })
}

// pick chooses one, or makes one.
func pick[T any](r *rand.Rand, random T, edges ...T) T {
	if i := r.IntN(8 * len(edges)); i < len(edges) {
		return edges[i]
	}
	return random
}

func randomText(r *rand.Rand, most int) string {
	var b strings.Builder
	for range r.IntN(most + 1) {
		c := rune(pick(r, r.IntN(128), 0, '\'', '\\', '"', ' ', 'é', 'ß', '€', '日', 0x1f3f3, 0xfffd, 0x10ffff, 0xfeff, 0x7f))
		b.WriteRune(c)
	}
	return b.String()
}

func randomBytes(r *rand.Rand, most int) []byte {
	b := make([]byte, r.IntN(most+1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func randomDecimal(whole, scale int) func(*rand.Rand) (mine, theirs any) {
	return func(r *rand.Rand) (any, any) {
		n := new(big.Int)
		for range r.IntN(whole + scale + 1) {
			n.Add(n.Mul(n, big.NewInt(10)), big.NewInt(r.Int64N(10)))
		}
		digits := fmt.Sprintf("%0*d", scale+1, n)
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
		if r.IntN(2) == 0 {
			digits = "-" + digits
		}
		d, err := plinth.ParseDecimal(digits)
		if err != nil {
			panic(err)
		}
		return d, digits
	}
}

// randomTime returns a time from one year to the start of another, to the microsecond.
func randomTime(from, to int) func(*rand.Rand) (mine, theirs any) {
	first, last := utc(from, 1, 1, 0, 0, 1, 0), utc(to, 1, 1, 0, 0, 0, 0)
	seconds := last.Unix() - first.Unix()
	return both(func(r *rand.Rand) time.Time {
		return time.Unix(first.Unix()+r.Int64N(seconds), pick(r, int64(r.IntN(1e6)), 0, 1, 999999, 500000)*1000).UTC()
	})
}

// randomSpan returns a TIME as text.
func randomSpan(unit time.Duration) func(*rand.Rand) (mine, theirs any) {
	return both(func(r *rand.Rand) string {
		most := 839*time.Hour - 1
		d := time.Duration(r.Int64N(int64(2*most))-int64(most)) >> r.IntN(50)
		sign, abs := "", d.Truncate(unit)
		if abs < 0 {
			sign, abs = "-", -abs
		}
		clock := []any{abs / time.Hour, abs / time.Minute % 60, abs / time.Second % 60, abs % time.Second / time.Microsecond}
		return sign + fmt.Sprintf("%02d:%02d:%02d.%06d", clock...)
	})
}

func randomDocument(r *rand.Rand, depth int) any {
	switch r.IntN(7 - 2*min(depth, 1)) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return r.Int64()
	case 3:
		return r.NormFloat64()
	case 4:
		return randomText(r, 10)
	case 5:
		return []any{randomDocument(r, 1), randomDocument(r, 1)}
	}
	return map[string]any{randomText(r, 5): randomDocument(r, 1), "b": randomDocument(r, 1)}
}

// asBytes is how go-sql-driver returns text, exact decimals and documents.
func asBytes(v any) any {
	switch v := v.(type) {
	case string:
		return []byte(v)
	case json.RawMessage:
		return []byte(v)
	}
	return v
}

// asDigits is how it returns a number beyond the largest int64.
func asDigits(v any) any {
	if n, ok := v.(uint64); ok {
		return strconv.AppendUint(nil, n, 10)
	}
	return v
}

// asBits is how it returns a BIT.
func asBits(size int) func(any) any {
	return func(v any) any {
		var n uint64
		switch v := v.(type) {
		case bool:
			if v {
				n = 1
			}
		case int64:
			n = uint64(v)
		case uint64:
			n = v
		}
		return binary.BigEndian.AppendUint64(nil, n)[8-size:]
	}
}

// asClock is how it returns a TIME: with all the digits of its column's fraction.
func asClock(fraction int) func(any) any {
	return func(v any) any {
		s, ok := v.(string)
		if !ok {
			return v
		}
		whole, digits, _ := strings.Cut(s, ".")
		if fraction > 0 {
			whole += "." + digits + strings.Repeat("0", fraction-len(digits))
		}
		return []byte(whole)
	}
}

func randomTypes() []randomType {
	text := func(most int) func(*rand.Rand) (mine, theirs any) {
		return both(func(r *rand.Rand) string { return randomText(r, most) })
	}
	raw := func(most int) func(*rand.Rand) (mine, theirs any) {
		return both(func(r *rand.Rand) []byte { return randomBytes(r, most) })
	}
	one := func(of ...string) func(*rand.Rand) (mine, theirs any) {
		return both(func(r *rand.Rand) string { return of[r.IntN(len(of))] })
	}
	same := func(v any) any { return v }
	return []randomType{
		{"tinyint(1)", both(func(r *rand.Rand) int64 { return pick(r, int64(r.IntN(2)), -128, 127, 2, -1) }), func(v any) any {
			if b, ok := v.(bool); ok {
				return map[bool]int64{true: 1}[b]
			}
			return v
		}},
		{"tinyint", ints(8), same}, {"tinyint unsigned", uints(8), same}, {"smallint", ints(16), same},
		{"smallint unsigned", uints(16), same},
		{"mediumint", ints(24), same}, {"mediumint unsigned", uints(24), same}, {"int", ints(32), same},
		{"int unsigned", uints(32), same},
		{"bigint", ints(64), same}, {"bigint", both(func(r *rand.Rand) time.Duration { return time.Duration(r.Uint64()) }), same}, {"bigint unsigned", uints(64), asDigits},
		{"float", both(func(r *rand.Rand) float64 {
			f := math.Float32frombits(r.Uint32())
			if f != f || math.IsInf(float64(f), 0) {
				f = pick[float32](r, 1.5, 0.1, math.MaxFloat32, -math.SmallestNonzeroFloat32)
			}
			return float64(f)
		}), func(v any) any { return float32(v.(float64)) }},
		{"double", both(func(r *rand.Rand) float64 {
			f := math.Float64frombits(r.Uint64())
			if f != f || math.IsInf(f, 0) {
				f = pick(r, 1.5, 0.1, math.MaxFloat64, -math.SmallestNonzeroFloat64)
			}
			return f
		}), same},
		{"decimal(65,30)", randomDecimal(35, 30), asBytes}, {"decimal(10,2)", randomDecimal(8, 2), asBytes},
		{"decimal(20,0)", randomDecimal(20, 0), asBytes},
		{"bit", both(func(r *rand.Rand) bool { return r.IntN(2) == 0 }), asBits(1)},
		{"bit(12)", uints(12), asBits(2)}, {"bit(64)", uints(64), asBits(8)},
		{"year", both(func(r *rand.Rand) int64 { return pick(r, 1901+r.Int64N(255), 0) }), same},
		{"date", randomTime(1, 10000), same}, {"datetime", randomTime(1, 9999), same},
		{"datetime(3)", randomTime(1, 9999), same},
		{"datetime(6)", randomTime(1, 9999), same}, {"timestamp null", randomTime(1970, 2038), same},
		{"timestamp(6) null", randomTime(1970, 2038), same},
		{"date", one("0000-00-00"), same}, {"datetime(6)", one("0000-00-00 00:00:00"), same},
		{"time", randomSpan(time.Second), asClock(0)}, {"time(3)", randomSpan(time.Millisecond), asClock(3)},
		{"time(6)", randomSpan(time.Microsecond), asClock(6)},
		{"char(40)", text(40), asBytes}, {"varchar(60)", text(60), asBytes}, {"text", text(300), asBytes},
		{"longtext", text(2000), asBytes},
		{"binary(16)", raw(16), asBytes}, {"varbinary(60)", raw(60), asBytes}, {"blob", raw(300), asBytes},
		{"longblob", raw(2000), asBytes},
		{"enum('a','it''s','é')", one("a", "it's", "é"), asBytes},
		{"set('x','y','z')", one("", "x", "x,z", "x,y,z"), asBytes},
		{"json", func(r *rand.Rand) (any, any) {
			doc, err := json.Marshal(randomDocument(r, 0))
			if err != nil {
				panic(err)
			}
			return json.RawMessage(doc), string(doc)
		}, asBytes},
		{"uuid", func(r *rand.Rand) (any, any) {
			id := [16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.Uint64()), r.Uint64()))
			id[6], id[8] = pick[byte](r, 4, 1, 7)<<4|id[6]&15, 0x80|id[8]&0x3f // MariaDB knows versions
			return id, fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
		}, asBytes},
		{"inet6", func(r *rand.Rand) (any, any) {
			id := netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil,
				r.Uint64()>>r.IntN(64)), r.Uint64()>>r.IntN(64))))
			return id, id.String()
		}, asBytes},
		{"inet4", func(r *rand.Rand) (any, any) {
			id := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, r.Uint32())))
			return id, id.String()
		}, asBytes},
		{"point", both(func(r *rand.Rand) []byte {
			b := []byte{0, 0, 0, 0, 1, 1, 0, 0, 0}
			for range 2 {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r.NormFloat64()))
			}
			return b
		}), asBytes},
	}
}

// TestSoakRandomValuesAreThoseOfGoSQLDriver writes the same rows of random values through both drivers into a table each, and reads
// both tables through both: a million of values in the long form.
func TestSoakRandomValuesAreThoseOfGoSQLDriver(t *testing.T) {
	values := 8_000
	if suite.InFull() {
		values = 1_000_000
	}
	url := servers.MariaDB(t).Database(t)
	e := openURL(t, url+"&zero_dates=zero")
	theirs := goSQLDriver(t, url)
	types := randomTypes()
	columns := make([]string, len(types))
	for i, typ := range types {
		columns[i] = fmt.Sprintf("c%d %s", i, typ.sql)
	}
	for _, table := range []string{"mine", "theirs"} {
		execute(t, e, "create table "+table+" (id int primary key, "+strings.Join(columns, ", ")+") character set utf8mb4")
	}
	insert := " values (?" + strings.Repeat(", ?", len(types)) + ")"
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(5, seed))
	if text := os.Getenv("PLINTH_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
		r = rand.New(rand.NewPCG(5, seed))
	}
	t.Logf("PLINTH_SEED=%d", seed)

	const batch = 100
	rows := values / len(types)
	for first := 0; first < rows && !t.Failed(); first += batch {
		var own, others [][]any
		for id := first; id < min(first+batch, rows); id++ {
			mine, other := []any{id}, []any{id}
			for _, typ := range types {
				a, b := typ.random(r)
				if r.IntN(20) == 0 {
					a, b = nil, nil
				}
				mine, other = append(mine, a), append(other, b)
			}
			own, others = append(own, mine), append(others, other)
		}
		writeMine(t, e, "insert into mine"+insert, own, first/batch%2 == 0)
		writeTheirs(t, theirs, "insert into theirs"+insert, others)
		for _, table := range []string{"mine", "theirs"} {
			text := "select * from " + table + " where id between ? and ? order by id"
			compare(t, e, theirs, text, types, first, first+batch-1)
		}
		// Without arguments, and too long to be prepared, it goes by the text protocol.
		compare(t, e, theirs, "select * from mine order by id -- "+strings.Repeat("long", 20_000), types)
		n, err := plinth.One[int](t.Context(), e, "select count(*) from (select * from mine except select * from theirs) as x")
		if n != 0 || err != nil {
			t.Errorf("rows %d to %d: %d of them were written differently (%v)", first, first+batch-1, n, err)
		}
		execute(t, e, "truncate table mine", "truncate table theirs")
	}
}

// goSQLDriver opens the same database with the other driver, in UTC, too.
func goSQLDriver(t testing.TB, url string) *sql.DB {
	t.Helper()
	o := options(t, url)
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.DBName = o.User, o.Password.Reveal(), "tcp", o.Database
	cfg.Addr, cfg.ParseTime, cfg.Loc = fmt.Sprintf("%s:%d", o.Hosts[0].Name, o.Hosts[0].Port), true, time.UTC
	cfg.Params = map[string]string{"time_zone": "'+00:00'"}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// writeMine writes rows one by one, or all at once.
func writeMine(t *testing.T, e *plinth.Engine, text string, rows [][]any, bulk bool) {
	t.Helper()
	var err error
	if bulk {
		_, err = e.ExecuteMany(t.Context(), text, slices.Values(rows))
	} else {
		err = e.InTx(t.Context(), func(_ context.Context, tx *plinth.Tx) error {
			for _, row := range rows {
				if _, err := tx.Execute(t.Context(), text, row...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func writeTheirs(t *testing.T, db *sql.DB, text string, rows [][]any) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	st, err := tx.PrepareContext(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if _, err := st.ExecContext(t.Context(), row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// compare reads rows through both drivers.
func compare(t *testing.T, e *plinth.Engine, db *sql.DB, text string, types []randomType, args ...any) {
	t.Helper()
	mine, err := e.FetchAll(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	dst := make([]any, len(types)+1)
	targets := make([]any, len(dst))
	for i := range dst {
		targets[i] = &dst[i]
	}
	n := 0
	for ; rows.Next(); n++ {
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		for i, typ := range types {
			got, _ := mine[n].Value(fmt.Sprintf("c%d", i))
			if s, ok := got.(string); ok && !utf8.ValidString(s) {
				t.Errorf("%s: %q isn't valid", typ.sql, s)
			}
			as, want := got, dst[i+1]
			if got != nil {
				as = typ.differ(got)
			}
			if n, ok := want.(uint64); ok { // of the text protocol, and of any size
				if want = int64(n); n > math.MaxInt64 {
					want = asDigits(n)
				}
			}
			if !equalAny(as, want) {
				t.Errorf("%s: %T %.200q, and %T %.200q by go-sql-driver", typ.sql, got, fmt.Sprint(got), want, fmt.Sprint(want))
			}
		}
	}
	if err := rows.Err(); err != nil || n != len(mine) || n == 0 {
		t.Fatalf("%d rows, and %d by go-sql-driver: %v", len(mine), n, err)
	}
}

func equalAny(a, b any) bool {
	switch a := a.(type) {
	case []byte:
		b, ok := b.([]byte)
		return ok && string(a) == string(b)
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b) && a.Location() == b.Location()
	}
	return a == b
}
