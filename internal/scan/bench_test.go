package scan

import (
	"reflect"
	"testing"
	"time"

	"github.com/plinthdb/plinth/driver"
)

type track struct {
	TrackID      int64
	Name         string
	Milliseconds int
	UnitPrice    float64
	AddedAt      time.Time
}

var (
	trackCols = columns("TrackId", "Name", "Milliseconds", "UnitPrice", "AddedAt")
	trackVals = []driver.Value{
		driver.IntValue(4711), driver.TextValue("Balls to the Wall"), driver.IntValue(342562), driver.FloatValue(0.99),
		driver.TimeValue(time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)),
	}
)

func columns(names ...string) []driver.Column {
	cols := make([]driver.Column, len(names))
	for i, n := range names {
		cols[i].Name = n
	}
	return cols
}

// BenchmarkStruct reads a row of five columns into a struct: by hand, by a plan, and by what a plan would be if it kept
// to reflect.Value's setters.
func BenchmarkStruct(b *testing.B) {
	b.Run("hand", func(b *testing.B) {
		b.ReportAllocs()
		var dst track
		for b.Loop() {
			dst.TrackID = trackVals[0].Int64()
			dst.Name = trackVals[1].Text()
			dst.Milliseconds = int(trackVals[2].Int64())
			dst.UnitPrice = trackVals[3].Float64()
			dst.AddedAt = trackVals[4].Time()
		}
		_ = dst
	})
	b.Run("plan", func(b *testing.B) {
		p, err := Compile(reflect.TypeFor[track](), trackCols)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		var dst track
		for b.Loop() {
			if err := p.Into(trackVals, &dst); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("reflect", func(b *testing.B) {
		b.ReportAllocs()
		var dst track
		for b.Loop() {
			rv := reflect.ValueOf(&dst).Elem()
			for i := range trackVals {
				v, f := &trackVals[i], rv.Field(i)
				switch f.Kind() {
				case reflect.Int, reflect.Int64:
					if f.OverflowInt(v.Int64()) {
						b.Fatal("overflow")
					}
					f.SetInt(v.Int64())
				case reflect.String:
					f.SetString(v.Text())
				case reflect.Float64:
					f.SetFloat(v.Float64())
				default:
					*f.Addr().Interface().(*time.Time) = v.Time()
				}
			}
		}
	})
}

func BenchmarkAssign(b *testing.B) {
	v := driver.IntValue(5)
	b.Run("int64", func(b *testing.B) {
		var n int64
		for b.Loop() {
			if err := Assign(&v, &n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("named", func(b *testing.B) {
		type id int64
		var n id
		b.ReportAllocs()
		for b.Loop() {
			if err := Assign(&v, &n); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCache(b *testing.B) {
	var c Cache
	typ := reflect.TypeFor[track]()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Plan(typ, trackCols); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(reflect.TypeFor[track](), trackCols); err != nil {
			b.Fatal(err)
		}
	}
}
