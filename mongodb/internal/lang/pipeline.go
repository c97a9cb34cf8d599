package lang

// expression walks over an aggregation expression.
func (w *walker) expression(n *node) {
	switch n.kind {
	case hole:
		n.place = expressionPlace
	case literal:
		n.keep = isPath(n.value)
	case array:
		for _, e := range n.elems {
			w.expression(e)
		}
	case document:
		for i := range n.fields {
			w.operand(n.fields[i].key, n.fields[i].value)
		}
	}
}

// operand walks over what stands under a key of an expression.
func (w *walker) operand(key string, n *node) {
	switch key {
	case "$literal":
		w.values(n)
	case "$getField":
		if n.kind != document || n.get("field") == nil {
			w.name(n, "a field's name")
			return
		}
		w.fieldNamed(n)
	case "$setField", "$unsetField":
		w.fieldNamed(n)
	case "$map", "$filter", "$reduce":
		w.each(n, map[string]func(*node){"as": w.nameOf("a variable's name")}, w.expression)
	case "$sortArray", "$top", "$topN", "$bottom", "$bottomN":
		w.each(n, map[string]func(*node){"sortBy": w.sortOrOne}, w.expression)
	case "$meta":
		w.name(n, "a kind of metadata")
	default:
		if runsCode(key) {
			w.code(key, n)
			return
		}
		w.expression(n)
	}
}

// fieldNamed walks over the arguments of an operator whose field names a field.
func (w *walker) fieldNamed(n *node) {
	w.each(n, map[string]func(*node){"field": w.nameOf("a field's name")}, w.expression)
}

// sortOrOne walks over the order of documents, or the direction for plain values.
func (w *walker) sortOrOne(n *node) {
	if n.kind != document {
		w.need(n, directionPlace)
		return
	}
	w.sort(n)
}

// let walks over variables and their values.
func (w *walker) let(n *node) {
	if n.kind != document {
		w.fail(n.at, "let takes a document of variables, {name: ?}, whose values can be bound one by one")
	}
	w.expression(n)
}

func (w *walker) nameOf(what string) func(*node) {
	return func(n *node) { w.name(n, what) }
}

// each walks over a document whose keys have a meaning of their own. A placeholder for the whole is a value like any
// other.
func (w *walker) each(n *node, special map[string]func(*node), other func(*node)) {
	if n.kind != document {
		other(n)
		return
	}
	for i := range n.fields {
		key, v := n.fields[i].key, n.fields[i].value
		switch walk := special[key]; {
		case runsCode(key):
			w.code(key, v)
		case walk != nil:
			walk(v)
		default:
			other(v)
		}
	}
}

// pipeline walks over a pipeline's stages.
func (w *walker) pipeline(n *node) {
	if n.kind == hole {
		w.fail(n.at, "a placeholder can't stand for a pipeline: %s; write the stages and bind what is in them", onlyValues)
	}
	if n.kind != array {
		w.fail(n.at, "a pipeline is an array of stages: [{$match: {…}}, …]")
	}
	for _, stage := range n.elems {
		switch {
		case stage.kind == hole:
			w.fail(stage.at, "a placeholder can't stand for a stage: %s; write the stage and bind what is in it", onlyValues)
		case stage.kind != document || len(stage.fields) != 1 || !isOperator(stage.fields[0].key):
			w.fail(stage.at, "a stage is a document with one key, such as {$match: {…}}")
		}
		key, v := stage.fields[0].key, stage.fields[0].value
		if v.kind == hole && !stageTakes(key) {
			w.fail(v.at, "a placeholder can't stand for the whole of %s: %s", key, onlyValues)
		}
		w.stage(key, v)
	}
}

// stageTakes reports whether a placeholder can stand for all that a stage has.
func stageTakes(key string) bool {
	switch key {
	case "$match", "$limit", "$skip", "$replaceWith", "$sort":
		return true
	}
	return false
}

// stage walks over one stage. (MongoDB's manual, "Aggregation Stages".)
func (w *walker) stage(key string, n *node) {
	name := w.nameOf("a field or a collection")
	switch key {
	case "$match":
		w.filter(n)
	case "$addFields", "$set", "$group", "$bucket", "$bucketAuto", "$replaceRoot", "$replaceWith", "$redact", "$documents":
		w.expression(n)
	case "$project":
		w.projection(n)
	case "$sort":
		w.sort(n)
	case "$limit", "$skip":
		w.need(n, countPlace)
	case "$sample":
		w.each(n, map[string]func(*node){"size": func(n *node) { w.need(n, countPlace) }}, w.constants)
	case "$count", "$unset", "$unwind", "$sortByCount":
		if key == "$sortByCount" && n.kind == document {
			w.expression(n)
			return
		}
		w.each(n, map[string]func(*node){"preserveNullAndEmptyArrays": w.values}, name)
	case "$lookup":
		w.each(n, map[string]func(*node){"from": w.from, "let": w.let, "pipeline": w.pipeline}, name)
	case "$graphLookup":
		w.each(n, map[string]func(*node){
			"from": w.from, "startWith": w.expression, "maxDepth": w.values, "restrictSearchWithMatch": w.filter,
		}, name)
	case "$unionWith":
		if n.kind == literal {
			w.from(n)
			return
		}
		w.each(n, map[string]func(*node){"coll": w.from, "pipeline": w.pipeline}, name)
	case "$facet":
		w.each(n, nil, w.pipeline)
	case "$geoNear":
		w.each(n, map[string]func(*node){"query": w.filter, "distanceField": name, "includeLocs": name, "key": name}, w.constants)
	case "$setWindowFields":
		w.each(n, map[string]func(*node){"sortBy": w.sort}, w.expression)
	case "$densify":
		w.each(n, map[string]func(*node){"field": name, "partitionByFields": name}, w.constants)
	case "$fill":
		w.each(n, map[string]func(*node){"sortBy": w.sort, "partitionByFields": name}, w.expression)
	case "$search", "$searchMeta", "$vectorSearch":
		w.search(n)
	case "$collStats", "$indexStats", "$planCacheStats", "$currentOp", "$listSessions", "$listLocalSessions",
		"$listSearchIndexes", "$listSampledQueries", "$changeStream", "$changeStreamSplitLargeEvent":
		w.constants(n)
	case "$out":
		w.writes = true
		w.out(n)
	case "$merge":
		w.writes = true
		w.merge(n, name)
	default:
		w.unknown = true
		w.constants(n)
	}
}

// search walks over what Atlas Search is asked for. Its operators have no $, so that a bound document could be one.
func (w *walker) search(n *node) {
	w.each(n, map[string]func(*node){"filter": func(n *node) {
		if n.kind == document {
			w.conditions(n)
			return
		}
		w.all(n, scalarPlace)
	}}, func(n *node) { w.all(n, scalarPlace) })
}

// from walks over the name of a collection that is read.
func (w *walker) from(n *node) {
	if n.kind == document {
		w.into(n)
		return
	}
	w.collection(n)
}

// into walks over {db: …, coll: …}.
func (w *walker) into(n *node) {
	for i := range n.fields {
		key, v := n.fields[i].key, n.fields[i].value
		switch key {
		case "coll":
			w.collection(v)
		case "db":
			w.name(v, "a database")
			name, _ := v.value.(string)
			if err := CheckDatabase(name); err != nil {
				w.fail(v.at, "%v", err)
			}
		default:
			w.constants(v)
		}
	}
}

// out walks over $out: a collection that is replaced.
func (w *walker) out(n *node) {
	target := n
	if n.kind == document {
		w.into(n)
		if target = n.get("coll"); target == nil {
			w.fail(n.at, "$out takes the name of a collection, or {db: …, coll: …}")
		}
	} else {
		w.collection(n)
	}
	w.notSystem(target)
}

// merge walks over $merge.
func (w *walker) merge(n *node, name func(*node)) {
	if n.kind == literal {
		w.out(n)
		return
	}
	w.each(n, map[string]func(*node){
		"into": w.out, "let": w.let,
		"whenMatched": func(n *node) {
			if n.kind == array {
				w.pipeline(n)
				return
			}
			name(n)
		},
	}, name)
}

// notSystem refuses a collection that the server keeps for itself as the target of a write.
func (w *walker) notSystem(n *node) {
	if name, _ := n.value.(string); isSystem(name) {
		w.fail(n.at, "%s", systemRefused)
	}
}
