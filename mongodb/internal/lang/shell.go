package lang

import (
	"strings"
)

// statement reads the statement that is the whole text.
func (b *builder) statement() {
	p := &b.p
	switch c := p.peek(); {
	case p.pos == len(p.text) || c == ';':
		p.fail(p.pos, "there is no statement; it begins with db. or, as a database command, with {")
	case c == '{':
		n := p.value()
		b.command(n)
	default:
		at := p.pos
		if word := p.word(); word != "db" {
			p.fail(at, "%s", misplaced(word))
		}
		b.shell()
	}
	ended := false
	for p.take(';') {
		ended = true
	}
	if p.pos < len(p.text) {
		if ended {
			p.fail(p.pos, "there is a second statement here; run them one by one, or as a script")
		}
		p.fail(p.pos, "the statement has ended, and there is %s", p.seen())
	}
}

// misplaced says what to write instead of what a statement can't begin with.
func misplaced(word string) string {
	const begins = "a statement begins with db. or, as a database command, with {"
	switch strings.ToLower(word) {
	case "use":
		return "use isn't taken: the engine is of one database; open another for another database"
	case "show":
		return `show belongs to the shell; write {"listCollections": 1} or {"listDatabases": 1}`
	case "select", "insert", "update", "delete", "with", "create", "drop", "alter", "begin", "commit", "rollback":
		return "this is a statement in SQL; " + begins
	case "var", "let", "const", "function", "for", "if", "while", "try", "load", "print", "printjson":
		return "JavaScript isn't run here; " + begins
	case "sh", "rs", "session":
		return word + " is an object of the shell; write the database command it sends, {replSetGetStatus: 1}"
	}
	return begins
}

// shell reads what follows db: a collection and its method, or a method of the database.
func (b *builder) shell() {
	p := &b.p
	var path []string
	start := p.pos
	for {
		switch {
		case p.take('['):
			p.peek()
			at := p.pos
			n := p.value()
			if n.kind == hole {
				p.fail(at, "a placeholder can't stand for a collection: %s", onlyValues)
			}
			name, ok := n.value.(string)
			if !ok {
				p.fail(at, "the name of a collection is needed here, as a string")
			}
			p.expect(']', "behind the collection's name")
			path = append(path, name)
			continue
		case p.take('.'):
		default:
			if len(path) == 0 {
				p.fail(p.pos, "db is followed by .collection.method(…) or .method(…)")
			}
			p.fail(p.pos, "a method is missing behind the collection: .find({…})")
		}
		p.space()
		at := p.pos
		if c := p.peek(); c == '?' || c == ':' {
			p.fail(at, "a placeholder can't stand for a collection or a method: %s", onlyValues)
		}
		word := p.word()
		if word == "" {
			p.fail(at, "a name is missing behind the dot; names with other characters are written db[\"…\"]")
		}
		if p.peek() != '(' {
			path = append(path, word)
			continue
		}
		if word == "getCollection" && len(path) == 0 {
			path = append(path, b.collectionArgument(at))
			continue
		}
		p.enter(at)
		args := p.arguments()
		p.leave()
		if len(path) == 0 {
			b.databaseMethod(word, at, args)
		} else {
			b.collection(start, strings.Join(path, "."))
			b.method(word, at, args)
		}
		b.chain()
		return
	}
}

// collectionArgument reads ("name").
func (b *builder) collectionArgument(at int) string {
	args := b.p.arguments()
	if len(args) == 1 && args[0].kind == hole {
		b.fail(args[0], "a placeholder can't stand for a collection: %s", onlyValues)
	}
	if len(args) == 1 {
		if name, ok := args[0].value.(string); ok && args[0].kind == literal {
			return name
		}
	}
	b.p.fail(at, "getCollection takes the name of a collection, as a string")
	return ""
}

// optionsArgument marks the argument that holds a method's options.
const optionsArgument = roles

// methodOf returns the verb of a collection's method, how many arguments it needs, and what they are for.
func methodOf(name string) (v Verb, least int, args []role, ok bool) {
	switch name {
	case "find":
		return Find, 0, []role{filterRole, projectionRole, optionsArgument}, true
	case "findOne":
		return FindOne, 0, []role{filterRole, projectionRole, optionsArgument}, true
	case "countDocuments":
		return CountDocuments, 0, []role{filterRole, optionsArgument}, true
	case "estimatedDocumentCount":
		return EstimatedCount, 0, []role{optionsArgument}, true
	case "distinct":
		return Distinct, 1, []role{keyRole, filterRole, optionsArgument}, true
	case "insertOne":
		return InsertOne, 1, []role{documentRole, optionsArgument}, true
	case "insertMany":
		return InsertMany, 1, []role{documentsRole, optionsArgument}, true
	case "updateOne":
		return UpdateOne, 2, []role{filterRole, updateRole, optionsArgument}, true
	case "updateMany":
		return UpdateMany, 2, []role{filterRole, updateRole, optionsArgument}, true
	case "replaceOne":
		return ReplaceOne, 2, []role{filterRole, replacementRole, optionsArgument}, true
	case "deleteOne":
		return DeleteOne, 1, []role{filterRole, optionsArgument}, true
	case "deleteMany":
		return DeleteMany, 1, []role{filterRole, optionsArgument}, true
	case "findOneAndUpdate":
		return FindOneAndUpdate, 2, []role{filterRole, updateRole, optionsArgument}, true
	case "findOneAndReplace":
		return FindOneAndReplace, 2, []role{filterRole, replacementRole, optionsArgument}, true
	case "findOneAndDelete":
		return FindOneAndDelete, 1, []role{filterRole, optionsArgument}, true
	}
	return 0, 0, nil, false
}

// method takes a collection's method in.
func (b *builder) method(name string, at int, args []*node) {
	b.s.Name = name
	switch name {
	case "aggregate":
		b.aggregate(args, at)
		return
	case "findAndModify":
		if len(args) != 1 || args[0].kind != document {
			b.p.fail(at, "findAndModify takes one document: {query: …, update: …}")
		}
		b.findAndModify(args[0].fields, at)
		return
	case "createIndex", "createIndexes", "dropIndex", "dropIndexes", "drop":
		b.schemaMethod(name, at, args)
		return
	}
	verb, least, takes, ok := methodOf(name)
	if !ok {
		b.p.fail(at, "%s", unknownMethod(name))
	}
	b.s.Verb = verb
	if len(args) < least || len(args) > len(takes) {
		b.p.fail(at, "%s takes %s", name, argumentsOf(least, len(takes)))
	}
	for i, n := range args {
		if i < least && n.kind == literal && n.value == nil {
			b.fail(n, "%s needs a document here, not null; the empty one is {}", name)
		}
		if takes[i] == optionsArgument {
			b.options(n)
			continue
		}
		b.add(takes[i], n)
	}
}

// argumentsOf says how many arguments a method takes; the last of them are options.
func argumentsOf(least, most int) string {
	text := [...]string{"none", "one argument", "two arguments", "three arguments"}
	switch least {
	case 0:
		return "up to " + text[most]
	case most:
		return text[most]
	}
	return text[least] + ", or " + text[most] + " with the options"
}

// unknownMethod says what to write instead.
func unknownMethod(name string) string {
	for old, instead := range map[string]string{
		"count": "countDocuments or estimatedDocumentCount", "insert": "insertOne or insertMany",
		"remove": "deleteOne or deleteMany",
		"update": "updateOne or updateMany", "save": "replaceOne with {upsert: true}", "ensureIndex": "createIndex",
		"bulkWrite":        "one statement for many rows: ExecuteMany",
		"renameCollection": `the command {"renameCollection": …} on the admin database`,
		"watch":            "no statement: Plinth has no change streams", "mapReduce": "aggregate", "getIndexes": `{"listIndexes": "…"}`,
		"stats": `aggregate([{$collStats: {storageStats: {}}}])`, "explain": `{"explain": {"find": …}}`,
	} {
		if name == old {
			return name + " isn't taken; use " + instead
		}
	}
	known := []string{
		"find", "findOne", "aggregate", "countDocuments", "estimatedDocumentCount", "distinct", "insertOne", "insertMany",
		"updateOne", "updateMany", "replaceOne", "deleteOne", "deleteMany", "findOneAndUpdate", "findOneAndReplace",
		"findOneAndDelete", "findAndModify", "createIndex", "createIndexes", "dropIndex", "dropIndexes", "drop",
	}
	if near := nearest(name, known); near != "" {
		return "there is no method " + clip(name) + "; did you mean " + near + "?"
	}
	return "there is no method " + clip(name) + "; a collection has " + strings.Join(known, ", ")
}

// aggregate takes a pipeline, or its stages one by one, and options behind it.
func (b *builder) aggregate(args []*node, at int) {
	b.s.Verb, b.s.Name = Aggregate, "aggregate"
	switch {
	case len(args) == 0:
		b.p.fail(at, "aggregate takes a pipeline: [{$match: {…}}, …]")
	case args[0].kind == document:
		b.add(pipelineRole, &node{kind: array, at: args[0].at, elems: args})
		return
	case len(args) > 2:
		b.p.fail(at, "aggregate takes a pipeline and options")
	}
	b.add(pipelineRole, args[0])
	if len(args) == 2 {
		b.options(args[1])
	}
}

// chain reads the calls behind a find or an aggregate: .sort({…}).limit(10).
func (b *builder) chain() {
	p := &b.p
	for p.take('.') {
		p.space()
		at := p.pos
		name := p.word()
		if name == "" || p.peek() != '(' {
			p.fail(at, "a method is missing here, such as .limit(10)")
		}
		p.enter(at)
		args := p.arguments()
		p.leave()
		if b.s.Verb != Find && b.s.Verb != Aggregate {
			p.fail(at, "nothing can be chained to %s; its options stand in its last argument: {…}", b.s.Name)
		}
		switch name {
		case "toArray", "pretty":
			if len(args) > 0 {
				p.fail(at, "%s takes nothing", name)
			}
			continue
		case "count", "size", "itcount":
			p.fail(at, "%s isn't taken; use countDocuments({…})", name)
		case "forEach", "map", "next", "hasNext", "tryNext", "explain", "readPref", "tailable", "addOption", "close":
			p.fail(at, "%s isn't taken: the call's own rows, and the engine's settings, do that", clip(name))
		}
		if len(args) == 0 && takesNone(name) {
			b.option(name, at, &node{at: at, value: true})
			continue
		}
		if len(args) != 1 {
			p.fail(at, "%s takes one argument", clip(name))
		}
		b.option(name, at, args[0])
	}
}

// takesNone reports whether the call of an option without an argument turns it on.
func takesNone(name string) bool {
	switch name {
	case "allowDiskUse", "returnKey", "showRecordId", "noCursorTimeout", "allowPartialResults":
		return true
	}
	return false
}

// databaseMethod takes a method of db in.
func (b *builder) databaseMethod(name string, at int, args []*node) {
	b.s.Name = name
	switch name {
	case "runCommand":
		if len(args) == 1 {
			n := args[0]
			if command, ok := n.value.(string); ok && n.kind == literal {
				n = &node{kind: document, at: n.at, end: n.end, fields: []field{{command, n.at, &node{at: n.at, value: int32(1)}}}}
			}
			if n.kind == document {
				b.command(n)
				return
			}
		}
		b.p.fail(at, "runCommand takes one document: {ping: 1}")
	case "aggregate":
		b.aggregate(args, at)
	case "createCollection", "createView", "dropDatabase":
		b.schemaMethod(name, at, args)
	case "adminCommand", "getSiblingDB", "getMongo":
		b.p.fail(at, "%s isn't taken: the engine is of one database; open another for another database", name)
	default:
		b.p.fail(at, "db has no method %s; "+
			"it has runCommand, aggregate, createCollection, createView, dropDatabase and getCollection", clip(name))
	}
}
