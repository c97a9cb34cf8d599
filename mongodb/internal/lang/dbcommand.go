package lang

// command takes a database command in. Those that the driver has an operation for become that, so that read preference,
// concerns and its retries hold; the others are sent as they are.
func (b *builder) command(n *node) {
	if n.kind != document || len(n.fields) == 0 {
		b.fail(n, "a database command is a document that begins with the command: {\"find\": \"tracks\"}")
	}
	first := n.fields[0]
	b.s.Name = first.key
	b.session(n)
	if problem := refusedCommand(first.key); problem != "" {
		b.p.fail(first.at, "%s", problem)
	}
	rest := n.fields[1:]
	switch first.key {
	case "find":
		b.s.Verb = Find
		b.find(first.value, rest)
	case "aggregate":
		b.s.Verb = Aggregate
		b.aggregateCommand(first.value, rest)
	case "count":
		b.count(first.value, rest)
	case "distinct":
		b.s.Verb = Distinct
		b.collectionOf(first.value)
		b.fields(rest, map[string]role{"key": keyRole, "query": filterRole})
		b.require(n, keyRole, "key")
	case "insert":
		b.insert(n)
	case "update":
		b.update(n)
	case "delete":
		b.delete(n)
	case "findAndModify", "findandmodify":
		b.collectionOf(first.value)
		b.findAndModify(rest, n.at)
	case "createIndexes":
		b.schema(CreateIndexes, n)
	case "dropIndexes", "deleteIndexes":
		b.schema(DropIndexes, n)
	case "drop":
		b.schema(Drop, n)
	case "create":
		b.schema(CreateCollection, n)
	case "dropDatabase":
		b.schema(DropDatabase, n)
	default:
		b.s.Schema = changesSchema(first.key)
		b.add(rawRole, n)
		if name, ok := first.value.value.(string); ok && first.value.kind == literal && onCollection(first.key) {
			b.collection(first.value.at, name)
		}
	}
}

// session refuses the fields by which a command is made part of a session, a transaction or another database.
func (b *builder) session(n *node) {
	for _, f := range n.fields {
		switch f.key {
		case "$db", "lsid", "txnNumber", "autocommit", "startTransaction", "$clusterTime", "$readPreference", "apiVersion",
			"apiStrict", "apiDeprecationErrors":
			b.p.fail(f.at, "%s is set by the engine; a statement can't have it", f.key)
		}
	}
}

// refusedCommand says why a command isn't sent, "" if it is.
func refusedCommand(name string) string {
	switch name {
	case "commitTransaction", "abortTransaction", "startTransaction", "prepareTransaction", "coordinateCommitTransaction":
		return name + " isn't taken as a statement; use Begin, Commit and Rollback, or InTx"
	case "getMore", "killCursors":
		return name + " isn't taken as a statement: the rows of a query fetch more by themselves, and end with Close"
	case "startSession", "endSessions", "refreshSessions":
		return name + " isn't taken as a statement: sessions are the engine's"
	case "authenticate", "saslStart", "saslContinue", "logout", "copydbsaslstart", "getnonce":
		return name + " isn't taken as a statement: who logs in is part of the configuration"
	case "eval", "$eval":
		return name + " runs code in the server, and is gone since MongoDB 4.2"
	}
	if isOperator(name) {
		return "a database command's name doesn't begin with $"
	}
	return ""
}

// changesSchema reports whether another command makes or drops something. (Manual, "Administration Commands".)
func changesSchema(name string) bool {
	switch name {
	case "collMod", "renameCollection", "convertToCapped", "cloneCollectionAsCapped", "reIndex", "createSearchIndexes",
		"updateSearchIndex", "dropSearchIndex", "shardCollection", "reshardCollection", "unshardCollection",
		"refineCollectionShardKey":
		return true
	}
	return false
}

// onlyReads reports whether it's known of another command that it writes nothing. (Manual, "Database Commands".)
func onlyReads(name string) bool {
	switch name {
	case "listCollections", "listIndexes", "dbStats", "collStats", "dataSize", "explain", "ping", "hello", "buildInfo",
		"serverStatus", "connectionStatus":
		return true
	}
	return false
}

// onCollection reports whether what follows another command's name is a collection.
func onCollection(name string) bool {
	switch name {
	case "collMod", "convertToCapped", "reIndex", "createSearchIndexes", "updateSearchIndex", "dropSearchIndex", "listIndexes",
		"collStats", "validate", "compact", "dataSize", "planCacheClear", "planCacheListFilters", "planCacheSetFilter",
		"planCacheClearFilters", "mapReduce":
		return true
	}
	return false
}

// collectionOf takes the collection's name from a command's first value.
func (b *builder) collectionOf(n *node) {
	if n.kind == hole {
		b.fail(n, "a placeholder can't stand for a collection: %s", onlyValues)
	}
	name, ok := n.value.(string)
	if !ok || n.kind != literal {
		b.fail(n, "the name of a collection is needed here, as a string")
	}
	n.keep = true
	b.collection(n.at, name)
}

// fields takes a command's fields in: its own, and options.
func (b *builder) fields(list []field, own map[string]role) {
	for _, f := range list {
		if r, ok := own[f.key]; ok {
			b.add(r, f.value)
			continue
		}
		b.option(f.key, f.at, f.value)
	}
}

// require fails if the command lacks a field.
func (b *builder) require(n *node, r role, key string) {
	if !b.s.has(r) {
		b.fail(n, "the command %s needs %s", b.s.Name, key)
	}
}

// find is Find, or FindOne where it is what findOne sends: a single batch of one.
func (b *builder) find(coll *node, rest []field) {
	b.collectionOf(coll)
	var single, limit bool
	for _, f := range rest {
		one, ok := toInt64(f.value.value)
		single = single || f.key == "singleBatch" && f.value.value == true
		limit = limit || f.key == "limit" && ok && one == 1
	}
	if single && limit {
		b.s.Verb = FindOne
	}
	for _, f := range rest {
		switch {
		case f.key == "filter":
			b.add(filterRole, f.value)
		case f.key == "singleBatch" && (b.s.Verb == FindOne || f.value.value == false),
			f.key == "limit" && b.s.Verb == FindOne:
		case f.key == "singleBatch":
			b.p.fail(f.at, "singleBatch is taken together with limit: 1; other rows are read as they come")
		case f.key == "tailable" || f.key == "awaitData" || f.key == "oplogReplay":
			b.p.fail(f.at, "%s isn't taken: such a query never ends", f.key)
		default:
			b.option(f.key, f.at, f.value)
		}
	}
}

func (b *builder) aggregateCommand(coll *node, rest []field) {
	if n, ok := toInt64(coll.value); !ok || n != 1 {
		b.collectionOf(coll)
	}
	for _, f := range rest {
		switch f.key {
		case "pipeline":
			b.add(pipelineRole, f.value)
		case "cursor":
			b.cursor(f.value)
		default:
			b.option(f.key, f.at, f.value)
		}
	}
	b.require(coll, pipelineRole, "a pipeline")
}

// count is EstimatedCount where nothing says what to count, which is what that sends.
func (b *builder) count(coll *node, rest []field) {
	b.collectionOf(coll)
	b.s.Verb = EstimatedCount
	for _, f := range rest {
		_, takes := option(f.key)
		all := f.key == "query" && f.value.kind == document && len(f.value.fields) == 0
		if !takes.has(EstimatedCount) && !all {
			b.s.Verb = CountDocuments
		}
	}
	if b.s.Verb == EstimatedCount {
		for _, f := range rest {
			if f.key != "query" {
				b.option(f.key, f.at, f.value)
			}
		}
		return
	}
	b.fields(rest, map[string]role{"query": filterRole})
}

func (b *builder) insert(n *node) {
	b.collectionOf(n.fields[0].value)
	b.s.Verb = InsertMany
	docs := n.get("documents")
	if docs != nil && docs.kind == array && len(docs.elems) == 1 {
		b.s.Verb = InsertOne
	}
	for _, f := range n.fields[1:] {
		switch {
		case f.key == "documents" && b.s.Verb == InsertOne:
			b.add(documentRole, docs.elems[0])
		case f.key == "documents":
			b.add(documentsRole, f.value)
		default:
			b.option(f.key, f.at, f.value)
		}
	}
	if docs == nil {
		b.fail(n, "the command insert needs documents")
	}
}

// one returns the only statement of an update or delete command.
func (b *builder) one(n *node, key, instead string) *node {
	list := n.get(key)
	if list == nil || list.kind != array || len(list.elems) != 1 || list.elems[0].kind != document {
		b.fail(n, "the command %s takes one statement in %s, written out; "+
			"run several one by one, or with %s", b.s.Name, key, instead)
	}
	return list.elems[0]
}

func (b *builder) update(n *node) {
	b.collectionOf(n.fields[0].value)
	one := b.one(n, "updates", "ExecuteMany")
	u := one.get("u")
	if u == nil || one.get("q") == nil {
		b.fail(one, "an update needs q, the filter, and u, the update")
	}
	r := b.updateRole(u)
	b.s.Verb = map[role]Verb{updateRole: UpdateOne, replacementRole: ReplaceOne}[r]
	if b.literalSwitch(one, "multi") {
		if r == replacementRole {
			b.fail(u, "multi needs an update with operators such as $set; a whole document replaces one")
		}
		b.s.Verb = UpdateMany
	}
	for _, f := range one.fields {
		switch f.key {
		case "q":
			b.filterGiven(f.value)
		case "u":
			b.add(r, f.value)
		case "multi":
		default:
			b.option(f.key, f.at, f.value)
		}
	}
	b.others(n, "updates")
}

// filterGiven takes in the filter of a write, which can't be null: that would be all documents.
func (b *builder) filterGiven(n *node) {
	if n.kind == literal && n.value == nil {
		b.fail(n, "a filter is needed here, not null; the empty one is {}")
	}
	b.add(filterRole, n)
}

// updateRole tells an update from a replacement. A placeholder is a whole document.
func (b *builder) updateRole(u *node) role {
	if u.operator() || u.kind == array {
		return updateRole
	}
	return replacementRole
}

// literalSwitch returns a switch that decides what the statement is, and so can't be bound.
func (b *builder) literalSwitch(n *node, key string) bool {
	v := n.get(key)
	if v == nil {
		return false
	}
	on, ok := v.value.(bool)
	if !ok {
		b.fail(v, "%s is true or false, written out", key)
	}
	return on
}

// others takes in the fields of an update or delete command beside the list of statements.
func (b *builder) others(n *node, list string) {
	for _, f := range n.fields[1:] {
		if f.key != list {
			b.option(f.key, f.at, f.value)
		}
	}
}

func (b *builder) delete(n *node) {
	b.collectionOf(n.fields[0].value)
	one := b.one(n, "deletes", "ExecuteMany")
	limit := one.get("limit")
	if limit == nil || one.get("q") == nil {
		b.fail(one, "a delete needs q, the filter, and limit: 1 for one document or 0 for all")
	}
	switch most, ok := toInt64(limit.value); {
	case !ok || limit.kind != literal || most != 0 && most != 1:
		b.fail(limit, "limit is 1 for one document or 0 for all, written out")
	case most == 1:
		b.s.Verb = DeleteOne
	default:
		b.s.Verb = DeleteMany
	}
	for _, f := range one.fields {
		switch f.key {
		case "q":
			b.filterGiven(f.value)
		case "limit":
		default:
			b.option(f.key, f.at, f.value)
		}
	}
	b.others(n, "deletes")
}

// findAndModify takes the command's fields in, which the shell's method has as well.
func (b *builder) findAndModify(fields []field, at int) {
	n := &node{kind: document, at: at, fields: fields}
	b.s.Name = "findAndModify"
	u := n.get("update")
	own := map[string]role{"query": filterRole}
	switch {
	case b.literalSwitch(n, "remove"):
		b.s.Verb = FindOneAndDelete
		if u != nil {
			b.fail(u, "findAndModify takes either update or remove: true")
		}
	case u == nil:
		b.p.fail(at, "findAndModify needs update or remove: true")
	default:
		own["update"] = b.updateRole(u)
		b.s.Verb = map[role]Verb{updateRole: FindOneAndUpdate, replacementRole: FindOneAndReplace}[own["update"]]
	}
	var rest []field
	for _, f := range fields {
		if f.key != "remove" {
			rest = append(rest, f)
		}
	}
	b.fields(rest, own)
}
