package lang

import (
	"strings"
)

// walker goes through what a statement is made of and notes for each placeholder how the server takes what stands
// there. What it doesn't know it treats as something that may be interpreted.
type walker struct {
	*reader
	writes  bool // a stage writes: $out, $merge
	unknown bool // a stage isn't known, so it might
}

const onlyValues = "bound values are only ever values"

// set notes a placeholder's place, and does so for each of a list of one.
func (w *walker) set(n *node, pl place) bool {
	if n.kind == hole {
		n.place = pl
	}
	return n.kind == hole
}

// need walks over a node whose kind is fixed: a placeholder, or what fits.
func (w *walker) need(n *node, pl place) {
	if w.set(n, pl) {
		return
	}
	w.values(n)
	n.freeze()
	if n.holes {
		return
	}
	if problem := pl.fits(n.value); problem != "" {
		w.fail(n.at, "%s", problem)
	}
}

// name walks over what names something: no placeholder may be in it.
func (w *walker) name(n *node, what string) {
	switch n.kind {
	case hole:
		w.fail(n.at, "a placeholder can't stand for %s: %s", what, onlyValues)
	case literal:
		n.keep = true
	case document:
		for i := range n.fields {
			w.name(n.fields[i].value, what)
		}
	case array:
		for _, e := range n.elems {
			w.name(e, what)
		}
	}
}

// code walks over code that the server runs: no placeholder may be in it.
func (w *walker) code(key string, n *node) {
	n.freeze()
	if n.holes {
		w.fail(n.at, "%s runs code in the server and takes no placeholder: use $expr with operators", key)
	}
}

// runsCode reports whether what stands under a key is run by the server.
func runsCode(key string) bool {
	switch key {
	case "$where", "$function", "$accumulator":
		return true
	}
	return false
}

// values walks over plain values. Under keys with $ that it doesn't know, placeholders may be interpreted.
func (w *walker) values(n *node) { w.all(n, valuePlace) }

func (w *walker) constants(n *node) { w.all(n, constantPlace) }

func (w *walker) all(n *node, pl place) {
	switch n.kind {
	case hole:
		n.place = pl
	case array:
		for _, e := range n.elems {
			w.all(e, pl)
		}
	case document:
		for i := range n.fields {
			key, v := n.fields[i].key, n.fields[i].value
			switch {
			case runsCode(key):
				w.code(key, v)
			case key == "$ref" || key == "$db":
				w.name(v, "a collection or database")
			case isOperator(key) && key != "$id":
				w.all(v, constantPlace)
			default:
				w.all(v, pl)
			}
		}
	}
}

// list walks over an array of values: {$in: [1, 2]}, {$in: [?]} or {$in: ?}.
func (w *walker) list(n *node, each func(*node)) {
	switch n.kind {
	case hole:
		n.place = listPlace
	case array:
		for _, e := range n.elems {
			each(e)
		}
		if len(n.elems) == 1 {
			w.set(n.elems[0], spreadPlace)
		}
	default:
		each(n)
	}
}

// filter walks over a whole filter.
func (w *walker) filter(n *node) {
	switch {
	case w.set(n, filterPlace):
	case n.kind != document:
		w.fail(n.at, "a filter is a document: {field: value}")
	default:
		w.conditions(n)
	}
}

// filters walks over a list of them.
func (w *walker) filters(n *node, key string) {
	switch {
	case w.set(n, filtersPlace):
	case n.kind != array:
		w.fail(n.at, "%s takes an array of filters", key)
	default:
		for _, e := range n.elems {
			w.filter(e)
		}
	}
}

// conditions walks over the fields and operators of a filter, at its top or below a field.
func (w *walker) conditions(n *node) {
	for i := range n.fields {
		key, v := n.fields[i].key, n.fields[i].value
		switch key {
		case "$and", "$or", "$nor":
			w.filters(v, key)
		case "$expr":
			w.expression(v)
		case "$in", "$nin":
			w.list(v, w.values)
		case "$all":
			w.list(v, w.condition)
		case "$not":
			w.condition(v)
		case "$elemMatch":
			w.filter(v)
		case "$regex":
			if !w.set(v, patternPlace) {
				w.values(v)
			}
		case "$jsonSchema":
			if v.kind == hole {
				w.fail(v.at, "a placeholder can't stand for a whole schema: %s", onlyValues)
			}
			w.all(v, scalarPlace)
		case "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$exists", "$type", "$mod", "$size", "$options", "$bitsAllSet",
			"$bitsAnySet", "$bitsAllClear", "$bitsAnyClear", "$comment", "$sampleRate", "$maxDistance", "$minDistance", "$id":
			w.values(v)
		case "$text", "$geoWithin", "$geoIntersects", "$near", "$nearSphere", "$within", "$geoNear":
			w.inner(v)
		default:
			switch {
			case runsCode(key):
				w.code(key, v)
			case isOperator(key):
				w.constants(v)
			default:
				w.condition(v)
			}
		}
	}
}

// condition walks over what a field is compared with.
func (w *walker) condition(n *node) {
	if n.operator() {
		w.conditions(n)
		return
	}
	w.values(n)
}

// inner walks over the arguments of $text and of geographic operators, whose own keys begin with $ and take values.
func (w *walker) inner(n *node) {
	if n.kind != document {
		w.values(n)
		return
	}
	for i := range n.fields {
		if key := n.fields[i].key; runsCode(key) {
			w.code(key, n.fields[i].value)
		} else {
			w.values(n.fields[i].value)
		}
	}
}

// update walks over an update: operators, a pipeline, or a placeholder for all of it.
func (w *walker) update(n *node) {
	switch {
	case w.set(n, updatePlace):
	case n.kind == array:
		w.pipeline(n)
	case n.kind != document || !n.operator():
		w.fail(n.at, "%s", updatePlace.fits(nil))
	default:
		for i := range n.fields {
			w.modifier(n.fields[i].key, n.fields[i].at, n.fields[i].value)
		}
	}
}

// modifier walks over one operator of an update.
func (w *walker) modifier(key string, at int, n *node) {
	each := w.values
	switch key {
	case "$set", "$setOnInsert", "$inc", "$mul", "$min", "$max", "$currentDate", "$unset", "$pop":
	case "$bit":
		each = func(n *node) { w.all(n, scalarPlace) }
	case "$push", "$addToSet":
		each = w.push
	case "$pull":
		each = func(n *node) {
			if n.kind == document {
				w.conditions(n)
				return
			}
			w.values(n)
		}
	case "$pullAll":
		each = func(n *node) { w.list(n, w.values) }
	case "$rename":
		w.name(n, "a field's name")
		return
	default:
		switch {
		case !isOperator(key):
			w.fail(at, "an update has operators such as $set at its top; %q isn't one", clip(key))
		case runsCode(key):
			w.code(key, n)
		}
		w.constants(n)
		return
	}
	if w.set(n, assignPlace) {
		return
	}
	if n.kind != document {
		w.fail(n.at, "%s takes a document: {field: value}", key)
	}
	for i := range n.fields {
		each(n.fields[i].value)
	}
}

// push walks over what is pushed: a value, or {$each: […], $sort: …, $slice: …, $position: …}.
func (w *walker) push(n *node) {
	if !n.operator() {
		w.values(n)
		return
	}
	for i := range n.fields {
		switch key, v := n.fields[i].key, n.fields[i].value; key {
		case "$each":
			w.list(v, w.values)
		case "$sort":
			if v.kind == document {
				w.sort(v)
			} else {
				w.set(v, directionPlace)
			}
		case "$slice", "$position", "$id":
			w.values(v)
		case "$ref", "$db":
			w.name(v, "a collection or database")
		default:
			w.constants(v)
		}
	}
}

// sort walks over a sort document.
func (w *walker) sort(n *node) {
	switch {
	case w.set(n, sortPlace):
	case n.kind != document:
		w.fail(n.at, "%s", fitsSort(nil))
	default:
		for i := range n.fields {
			v := n.fields[i].value
			switch {
			case w.set(v, directionPlace):
			case v.kind == document && v.get("$meta") != nil:
				w.name(v, "a sort's direction")
			case v.kind != literal || directionPlace.fits(v.value) != "":
				w.fail(v.at, "%s", directionPlace.fits(nil))
			default:
				v.keep = true
			}
		}
	}
}

// projection walks over a projection. Its values say which fields there are, or compute them; a bound value would be
// taken for the former.
func (w *walker) projection(n *node) {
	if w.set(n, projectionPlace) {
		return
	}
	if n.kind != document {
		w.fail(n.at, "a projection is a document of fields with 1 or 0")
	}
	for i := range n.fields {
		v := n.fields[i].value
		switch {
		case v.kind == hole:
			w.fail(v.at, "a bound value here would say whether the field is shown; "+
				"write 1 or 0, or {$literal: %s} for a field with that value",
				w.text[v.at:v.end])
		case v.kind == document && !v.operator():
			w.projection(v)
		case v.kind == literal:
			v.keep = isSwitch(v.value) || isPath(v.value)
		case v.get("$elemMatch") != nil:
			w.filter(v.get("$elemMatch"))
		default:
			w.expression(v)
		}
	}
}

// isSwitch reports whether v says that a field is shown, or isn't.
func isSwitch(v any) bool {
	if _, ok := v.(bool); ok {
		return true
	}
	n, ok := toInt64(v)
	return ok && (n == 0 || n == 1)
}

// isPath reports whether v is a field's path or a variable in an expression.
func isPath(v any) bool {
	s, ok := v.(string)
	return ok && isOperator(s) && strings.IndexByte(s, 0) < 0
}

// collection checks a collection's name that stands in a stage.
func (w *walker) collection(n *node) {
	w.name(n, "a collection")
	name, ok := n.value.(string)
	if n.kind != literal || !ok {
		w.fail(n.at, "the name of a collection is needed here")
	}
	if err := checkCollection(name); err != nil {
		w.fail(n.at, "%v", err)
	}
}
