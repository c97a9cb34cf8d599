package scan

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/plinthdb/plinth/driver"
	"github.com/plinthdb/plinth/internal/names"
)

// columnRef is a column as the struct that is being matched sees it: album.title is title within the field album.
type columnRef struct {
	index int // from 0
	name  string
}

// matcher makes the steps of a struct's plan.
type matcher struct {
	typ   reflect.Type // the struct that was asked for
	cols  []driver.Column
	steps []step
}

// place is where a struct lies within the one that was asked for.
type place struct {
	path   string // Go path with a dot at the end
	prefix string // of column names
	hops   []hop
	offset uintptr
}

// match finds the field of each column and the columns of each field of t.
func (m *matcher) match(t reflect.Type, refs []columnRef, at place) error {
	fields, err := fieldsOf(t, "db")
	if err != nil {
		return err
	}
	own := make([]int, len(fields)) // index of the field's column + 1
	dotted := make([][]columnRef, len(fields))
	for _, ref := range refs {
		i, err := m.find(fields, ref, ref.name, at)
		if err != nil {
			return err
		}
		if i >= 0 {
			if own[i] > 0 {
				return fault(nil, "select one of them, or give one an alias", "%s and %s both fit the field %s",
					columnName(m.cols, own[i]-1), columnName(m.cols, ref.index), m.fieldName(at, fields[i]))
			}
			own[i] = ref.index + 1
			continue
		}
		head, rest, ok := strings.Cut(ref.name, ".")
		if ok {
			if i, err = m.find(fields, ref, head, at); err != nil {
				return err
			}
		}
		if i < 0 || !isRecord(elemOf(fields[i].typ)) {
			return m.noField(fields, ref, at)
		}
		dotted[i] = append(dotted[i], columnRef{ref.index, rest})
	}
	for i, f := range fields {
		switch {
		case own[i] > 0 && dotted[i] != nil:
			return fault(nil, "leave out one of them", "%s and %s both fit the field %s",
				columnName(m.cols, own[i]-1), columnName(m.cols, dotted[i][0].index), m.fieldName(at, f))
		case own[i] > 0:
			err = m.step(f, own[i]-1, at)
		case dotted[i] != nil:
			err = m.match(elemOf(f.typ), dotted[i], at.inside(f, dotted[i]))
		case !f.optional:
			err = m.noColumn(f, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// find returns the index of the field for a name, or -1. It is an error if only case and underscores set several apart.
func (m *matcher) find(fields []field, ref columnRef, name string, at place) (int, error) {
	found, folded := -1, fold(name)
	for i, f := range fields {
		if f.name == name {
			return i, nil
		}
	}
	for i, f := range fields {
		if f.folded != folded {
			continue
		}
		if found >= 0 {
			return 0, fault(nil, "give it an alias that is exactly the name of one of them", "%s fits two fields, %s (%s) and %s (%s)",
				columnName(m.cols, ref.index), m.fieldName(at, fields[found]), fields[found].name, m.fieldName(at, f), f.name)
		}
		found = i
	}
	return found, nil
}

// step adds the step that reads column i into f.
func (m *matcher) step(f field, i int, at place) error {
	target := targetOf(f.typ)
	if target == nil {
		unfit := unsupported(f.typ)
		unfit.Column, unfit.Err = m.cols[i].Name, fmt.Errorf("%s: %w", m.fieldName(at, f), unfit.Err)
		return unfit
	}
	hops, offset := join(at, f)
	m.steps = append(m.steps, step{column: i, target: target, set: target.set, hops: hops, offset: offset, path: m.fieldName(at, f)})
	return nil
}

// inside returns the place of the struct in f, or behind the pointer in f, which stays nil if all of its columns are NULL.
func (p place) inside(f field, refs []columnRef) place {
	hops, offset := join(p, f)
	if f.typ.Kind() == reflect.Pointer {
		h := hop{offset: offset, elem: f.typ.Elem()}
		for _, ref := range refs {
			h.cols = append(h.cols, ref.index)
		}
		hops, offset = append(hops, h), 0
	}
	return place{path: p.path + f.path + ".", prefix: p.prefix + f.name + ".", hops: hops, offset: offset}
}

// join returns the way to a field of the struct that lies at p. The first pointer in f starts from where p ends.
func join(p place, f field) (hops []hop, offset uintptr) {
	hops = append(hops, p.hops...)
	if len(f.hops) == 0 {
		return hops, p.offset + f.offset
	}
	hops = append(hops, f.hops...)
	hops[len(p.hops)].offset += p.offset
	return hops, f.offset
}

func (m *matcher) fieldName(at place, f field) string {
	return typeName(m.typ) + "." + at.path + f.path
}

func (m *matcher) noColumn(f field, at place) error {
	names := make([]string, len(m.cols))
	for i, c := range m.cols {
		names[i] = c.Name
	}
	return fault(nil, fmt.Sprintf(`select it, or tag the field db:"%s,optional"`, f.name),
		"no column for the field %s, which takes %s; the columns are %s", m.fieldName(at, f), at.prefix+f.name, list(names))
}

func (m *matcher) noField(fields []field, ref columnRef, at place) error {
	known := make([]string, len(fields))
	best, bestDistance := "", len(fold(ref.name))/3+1 // a third of the letters may be wrong
	for i, f := range fields {
		known[i] = at.prefix + f.name
		if d := names.Distance(fold(ref.name), f.folded); d <= bestDistance && (best == "" || d < bestDistance) {
			best, bestDistance = known[i], d
		}
	}
	hint := "leave it out of the statement, or give the struct a field for it"
	if best != "" {
		hint = "did you mean " + best + "? Otherwise " + hint
	}
	unfit := fault(nil, hint, "%s has no field in %s, whose fields take %s", columnName(m.cols, ref.index),
		strings.TrimSuffix(typeName(m.typ)+"."+at.path, "."), list(known))
	unfit.Column = m.cols[ref.index].Name
	return unfit
}

// list joins names, not too many of them.
func list(names []string) string {
	const most = 30
	switch {
	case len(names) == 0:
		return "nothing"
	case len(names) > most:
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func elemOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
