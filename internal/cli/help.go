package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/plinthdb/plinth/health"
)

const description = `Ask a database questions from the shell.

A database is given by -d or by the environment variable DATABASE_URL: a URL such as sqlite:app.db,
sqlite::memory: or postgres://app@db.internal/shop, or a path that ends in .db, .db3, .sqlite or .sqlite3.
-d takes a name, too, for which the configuration knows the URL: orders is looked up in
ORDERS_DATABASE_URL, then in plinth.yaml. What has a colon or a slash in it is never a name.

  plinth -d sqlite:shop.db exec -f schema.sql
  plinth -d sqlite:shop.db exec 'insert into item (name, price) values (?, ?)' pear 0.35
  plinth -d sqlite:shop.db query -o json 'select * from item where price < ?' 1
  plinth -d sqlite:shop.db ping
  plinth -d orders ping
  plinth config explain orders
  plinth demo

Only exec creates an SQLite file that doesn't exist.

Exit code: 0 done, 1 the database said no, 2 wrong use, 3 the database can't be reached or
refuses the login, 130 interrupted.`

// argHelp is what query and exec say of their arguments.
const argHelp = "A JSON number, true, false or null is bound as that, a JSON array as the list of IN (?), anything else as text. " +
	"For MongoDB, any JSON array or object is bound as that, without operators, {\"$oid\": \"…\"} and its like as what they stand for. With :name placeholders, each ARG is name=value."

// help prints the help of the program or of a command, for which it takes away the flags that do nothing there.
func help(o kong.HelpOptions, ctx *kong.Context) error {
	if cmd := ctx.Selected(); cmd != nil {
		for _, flag := range ctx.Model.Flags {
			flag.Hidden = !applies(cmd.Name, flag.Name)
			if cmd.Name == "health" && flag.Name == "timeout" {
				flag.Help = "How long the database has to answer, such as 5s. Default: " + health.DefaultTimeout.String() + "."
			}
		}
	}
	return kong.DefaultHelpPrinter(o, ctx)
}

// applies reports whether a flag of the program's does something for a command.
func applies(command, flag string) bool {
	switch {
	case flag == "help":
		return true
	case flag == "version", command == "version":
		return false
	case command == "schema", command == "check":
		return false
	case command == "config", command == "explain": // it dials nothing
		return flag == "database"
	case command == "demo": // it brings its own database
		return flag == "no-color" || flag == "verbose"
	}
	return flag != "no-color" // only the demo has colours
}

// parseError names the --help that helps.
func parseError(err error, command *kong.Context, model *kong.Application) error {
	help := "plinth --help"
	var perr *kong.ParseError
	if command == nil && errors.As(err, &perr) {
		command = perr.Context
	}
	if command != nil && command.Selected() != nil {
		help = command.Selected().FullPath() + " --help"
	}
	hint := "see " + help
	if flag, ok := strings.CutPrefix(err.Error(), "unknown flag "); ok {
		flag, _, _ = strings.Cut(flag, ",")
		if of := commandsWith(model, flag); len(of) > 0 && (command == nil || command.Selected() == nil) {
			first := of[0]
			if slices.Contains(of, "query") { // others have -o, too, but query is what it is for
				first = "query"
			}
			return usagef("put it behind the command: plinth "+first+" "+flag+" …", "%s is a flag of %s", flag, strings.Join(of, ", "))
		}
		hint += "; if that was an ARG, put -- in front of the statement"
	}
	return &hinted{err: err, hint: hint, usage: true}
}

// commandsWith lists the commands that have a flag, given as -x or --long.
func commandsWith(model *kong.Application, flag string) []string {
	var names []string
	for _, command := range model.Children {
		if slices.ContainsFunc(command.Flags, func(f *kong.Flag) bool {
			return flag == "--"+f.Name || f.Short != 0 && flag == "-"+string(f.Short)
		}) {
			names = append(names, command.Name)
		}
	}
	return names
}
