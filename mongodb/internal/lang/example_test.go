package lang_test

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/plinthdb/plinth/mongodb/internal/lang"
)

// Example binds what a web framework makes of ?name[$ne]=x.
func Example() {
	s, err := lang.Parse(`db.users.find({name: :name, age: {$gte: 18}}).limit(10)`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Fingerprint())

	_, err = s.Bind([]any{map[string]any{"name": map[string]any{"$ne": "x"}}})
	fmt.Println(err)

	flat, err := s.Bind([]any{map[string]any{"name": "Ada"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := s.Command(flat)
	fmt.Println(c.Verb, c.Collection, c.Filter, *c.Options.Limit, err)
	// Output:
	// db.users.find({name: ?, age: {$gte: ?}}).limit(?)
	// argument :name: the key begins with $ and would act as an operator; if the program wrote it, and not its users, wrap the value in mongodb.Operators (at "$ne")
	// find users {"name":"Ada","age":{"$gte":{"$numberInt":"18"}}} 10 <nil>
}

// ExampleOperators has a filter that the program puts together.
func ExampleOperators() {
	s, err := lang.Parse(`db.tracks.find(?)`)
	if err != nil {
		fmt.Println(err)
		return
	}
	filter := bson.M{"ms": bson.M{"$gt": 200_000}}
	flat, err := s.Bind([]any{lang.Operators{Value: filter}})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := s.Command(flat)
	fmt.Println(c.Filter, err)
	// Output: {"ms":{"$gt":{"$numberInt":"200000"}}} <nil>
}

func ExampleParse_error() {
	_, err := lang.Parse("db.tracks.find({\n  ms: {$gt: ?}\n  genre: 'Jazz'\n})")
	fmt.Println(err)
	// Output: line 3, column 3: a comma or } is missing in the document, before genre
}
