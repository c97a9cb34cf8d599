package lang

import (
	"fmt"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// role is what a part of a statement is for.
type role uint8

const (
	noRole role = iota
	filterRole
	updateRole
	replacementRole
	documentRole
	documentsRole
	pipelineRole
	keyRole
	rawRole

	sortRole // from here on options
	projectionRole
	hintRole
	collationRole
	letRole
	arrayFiltersRole
	minRole
	maxRole
	commentRole
	limitRole
	skipRole
	batchSizeRole
	maxTimeRole
	upsertRole
	orderedRole
	returnAfterRole
	returnBeforeRole   // returnOriginal: true
	returnDocumentRole // "before" or "after"
	allowDiskUseRole
	bypassRole
	returnKeyRole
	showRecordIDRole
	noCursorTimeoutRole
	partialRole
	readConcernRole
	writeConcernRole
	roles
)

// label is the option's name in mongosh, for fingerprints.
func (r role) label() string {
	return [roles]string{
		sortRole: "sort", projectionRole: "projection", hintRole: "hint", collationRole: "collation", letRole: "let",
		arrayFiltersRole: "arrayFilters", minRole: "min", maxRole: "max", commentRole: "comment", limitRole: "limit",
		skipRole: "skip", batchSizeRole: "batchSize", maxTimeRole: "maxTimeMS", upsertRole: "upsert", orderedRole: "ordered",
		returnAfterRole: "returnNewDocument", returnBeforeRole: "returnOriginal", returnDocumentRole: "returnDocument",
		allowDiskUseRole: "allowDiskUse", bypassRole: "bypassDocumentValidation", returnKeyRole: "returnKey",
		showRecordIDRole: "showRecordId", noCursorTimeoutRole: "noCursorTimeout", partialRole: "allowPartialResults",
		readConcernRole: "readConcern", writeConcernRole: "writeConcern",
	}[r]
}

// verbSet is a set of verbs.
type verbSet uint32

func setOf(vs ...Verb) verbSet {
	var s verbSet
	for _, v := range vs {
		s |= 1 << v
	}
	return s
}

func (s verbSet) has(v Verb) bool { return s&(1<<v) != 0 }

// option returns what an option is for, by its name in mongosh or in a command, and the verbs that take it. (mongosh's
// reference, "Collection Methods" and "Cursor Methods"; the manual, "Database Commands".)
func option(name string) (role, verbSet) {
	finds := setOf(Find, FindOne)
	updates := setOf(UpdateOne, UpdateMany, ReplaceOne)
	deletes := setOf(DeleteOne, DeleteMany)
	modifies := setOf(FindOneAndUpdate, FindOneAndReplace, FindOneAndDelete)
	inserts := setOf(InsertOne, InsertMany)
	counts := setOf(CountDocuments, EstimatedCount)
	reads := finds | counts | setOf(Aggregate, Distinct)
	writes := inserts | updates | deletes | modifies
	switch name {
	case "sort":
		return sortRole, finds | modifies | setOf(UpdateOne, ReplaceOne)
	case "projection", "project", "fields":
		return projectionRole, finds | modifies
	case "hint":
		return hintRole, reads&^setOf(EstimatedCount) | writes&^inserts
	case "collation":
		return collationRole, reads&^setOf(EstimatedCount) | writes&^inserts
	case "let":
		return letRole, finds | setOf(Aggregate) | writes&^inserts
	case "arrayFilters":
		return arrayFiltersRole, setOf(UpdateOne, UpdateMany, FindOneAndUpdate)
	case "min":
		return minRole, finds
	case "max":
		return maxRole, finds
	case "comment":
		return commentRole, reads | writes
	case "limit":
		return limitRole, setOf(Find, CountDocuments)
	case "skip":
		return skipRole, finds | setOf(CountDocuments)
	case "batchSize":
		return batchSizeRole, setOf(Find, Aggregate)
	case "maxTimeMS":
		return maxTimeRole, reads | writes
	case "upsert":
		return upsertRole, updates | setOf(FindOneAndUpdate, FindOneAndReplace)
	case "ordered":
		return orderedRole, inserts | updates | deletes
	case "returnNewDocument", "new":
		return returnAfterRole, setOf(FindOneAndUpdate, FindOneAndReplace)
	case "returnOriginal":
		return returnBeforeRole, setOf(FindOneAndUpdate, FindOneAndReplace)
	case "returnDocument":
		return returnDocumentRole, setOf(FindOneAndUpdate, FindOneAndReplace)
	case "allowDiskUse":
		return allowDiskUseRole, finds | setOf(Aggregate)
	case "bypassDocumentValidation":
		return bypassRole, setOf(Aggregate, FindOneAndUpdate, FindOneAndReplace) | inserts | updates
	case "returnKey":
		return returnKeyRole, finds
	case "showRecordId":
		return showRecordIDRole, finds
	case "noCursorTimeout":
		return noCursorTimeoutRole, finds
	case "allowPartialResults":
		return partialRole, finds
	case "readConcern":
		return readConcernRole, reads
	case "writeConcern":
		return writeConcernRole, writes | setOf(Aggregate)
	}
	return noRole, 0
}

// optionNames lists the options that a verb takes, for messages.
func optionNames(v Verb) []string {
	var list []string
	for r := sortRole; r < roles; r++ {
		if _, takes := option(r.label()); takes.has(v) {
			list = append(list, r.label())
		}
	}
	return list
}

// place returns where a placeholder for the whole of an option stands.
func (r role) place() place {
	switch r {
	case hintRole:
		return hintPlace
	case collationRole, minRole, maxRole:
		return plainPlace
	case limitRole, skipRole, batchSizeRole, maxTimeRole:
		return countPlace
	case returnDocumentRole, readConcernRole:
		return textPlace
	case commentRole:
		return valuePlace
	}
	return switchPlace
}

// apply sets an option. It returns what is wrong with the value, "" if nothing is.
func (r role) apply(o *Options, v any) string {
	switch r {
	case sortRole:
		o.Sort, _ = v.(bson.D)
	case projectionRole:
		o.Projection, _ = v.(bson.D)
	case letRole:
		o.Let, _ = v.(bson.D)
	case arrayFiltersRole:
		o.ArrayFilters, _ = v.(bson.A)
	case commentRole:
		o.Comment = v
	case collationRole:
		return o.setCollation(v)
	case readConcernRole:
		return o.setReadConcern(v)
	case writeConcernRole:
		return o.setWriteConcern(v)
	default:
		if problem := r.place().fits(v); problem != "" {
			return problem
		}
		return r.applyFitting(o, v)
	}
	return ""
}

// applyFitting sets an option to a value of the right kind.
func (r role) applyFitting(o *Options, v any) string {
	switch r {
	case hintRole:
		o.Hint = v
	case minRole:
		o.Min, _ = v.(bson.D)
	case maxRole:
		o.Max, _ = v.(bson.D)
	case returnDocumentRole:
		if v != "before" && v != "after" {
			return `returnDocument is "before" or "after"`
		}
		o.ReturnAfter = pointer(v == "after")
	case limitRole, skipRole, batchSizeRole, maxTimeRole:
		n, _ := toInt64(v)
		return r.applyCount(o, n)
	}
	on, _ := v.(bool)
	switch r {
	case upsertRole:
		o.Upsert = &on
	case orderedRole:
		o.Ordered = &on
	case returnAfterRole:
		o.ReturnAfter = &on
	case returnBeforeRole:
		o.ReturnAfter = pointer(!on)
	case allowDiskUseRole:
		o.AllowDiskUse = &on
	case bypassRole:
		o.BypassValidation = &on
	case returnKeyRole:
		o.ReturnKey = &on
	case showRecordIDRole:
		o.ShowRecordID = &on
	case noCursorTimeoutRole:
		o.NoCursorTimeout = &on
	case partialRole:
		o.AllowPartialResults = &on
	}
	return ""
}

func (r role) applyCount(o *Options, n int64) string {
	switch r {
	case limitRole:
		o.Limit = &n
	case skipRole:
		o.Skip = &n
	case batchSizeRole:
		if n > math.MaxInt32 {
			return "batchSize has 32 bits"
		}
		o.BatchSize = pointer(int32(n))
	case maxTimeRole:
		if n > math.MaxInt32 {
			return "maxTimeMS has 32 bits: it is at most 24 days"
		}
		o.MaxTime = pointer(time.Duration(n) * time.Millisecond)
	}
	return ""
}

func pointer[T any](v T) *T { return &v }

// setCollation takes a collation document. (Manual, "Collation".)
func (o *Options) setCollation(v any) string {
	d, ok := v.(bson.D)
	if !ok {
		return plainPlace.fits(v)
	}
	c := new(Collation)
	for _, e := range d {
		var fits bool
		switch e.Key {
		case "locale":
			c.Locale, fits = e.Value.(string)
		case "caseLevel":
			c.CaseLevel, fits = e.Value.(bool)
		case "caseFirst":
			c.CaseFirst, fits = e.Value.(string)
		case "strength":
			var n int64
			n, fits = toInt64(e.Value)
			fits = fits && n >= 1 && n <= 5
			c.Strength = int(n)
		case "numericOrdering":
			c.NumericOrdering, fits = e.Value.(bool)
		case "alternate":
			c.Alternate, fits = e.Value.(string)
		case "maxVariable":
			c.MaxVariable, fits = e.Value.(string)
		case "normalization":
			c.Normalization, fits = e.Value.(bool)
		case "backwards":
			c.Backwards, fits = e.Value.(bool)
		default:
			return "a collation has locale, strength, caseLevel, caseFirst, numericOrdering, " +
				"alternate, maxVariable, normalization and backwards"
		}
		if !fits {
			return "the collation's " + e.Key + " has another type"
		}
	}
	if c.Locale == "" {
		return "a collation needs a locale"
	}
	o.Collation = c
	return ""
}

func (o *Options) setReadConcern(v any) string {
	if d, ok := v.(bson.D); ok && len(d) == 1 && d[0].Key == "level" {
		v = d[0].Value
	}
	switch v {
	case "local", "available", "majority", "linearizable", "snapshot":
		o.ReadConcern, _ = v.(string)
		return ""
	}
	return `a read concern is {level: "local"}, or available, majority, linearizable or snapshot`
}

func (o *Options) setWriteConcern(v any) string {
	d, ok := v.(bson.D)
	if !ok {
		return `a write concern is {w: "majority"}, and may have j`
	}
	c := new(WriteConcern)
	for _, e := range d {
		n, whole := toInt64(e.Value)
		text, isText := e.Value.(string)
		on, isSwitch := e.Value.(bool)
		switch {
		case e.Key == "w" && isText && text != "":
			c.W = text
		case e.Key == "w" && whole && n == 0:
			return "w: 0 is a write that nobody acknowledges, and that may be lost without a word; write w: 1"
		case e.Key == "w" && whole && n > 0 && n <= math.MaxInt32:
			c.W = int(n)
		case (e.Key == "j" || e.Key == "journal") && isSwitch:
			c.Journal = &on
		case e.Key == "wtimeout" || e.Key == "wtimeoutMS":
			return e.Key + " isn't taken: the call's own deadline ends the wait"
		default:
			return fmt.Sprintf("the write concern's %s isn't known, or has another type; it takes w and j", clip(e.Key))
		}
	}
	o.WriteConcern = c
	return ""
}
