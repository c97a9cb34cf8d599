package sqltext

// block follows the body of a trigger, procedure, function or event, whose semicolons separate no statements.
type block struct {
	nests  bool // a BEGIN can be in another
	head   head
	words  int      // seen
	open   []string // BEGIN, CASE, IF, … that haven't met their END
	end    bool     // the last word was an END whose next word may say what it ends
	atStep bool     // before that END a statement of the body had ended
	parens int      // open ones, for the actions of a rule
	last   string   // the token before, upper case
	word   bool     // it was a name, keyword or value
}

// head is what is known about the statement.
type head uint8

const (
	plain    head = iota // its semicolon ends it
	creating             // CREATE, but what?
	anon                 // BEGIN, perhaps BEGIN NOT ATOMIC
	routine              // has a body
	rule                 // has actions in parentheses
)

// plain reports whether the statement has no body, so that feeding its tokens is of no use.
func (b *block) plain() bool { return b.words > 0 && b.head == plain }

// inside reports whether a semicolon that comes now belongs to the statement.
func (b *block) inside() bool {
	b.finishEnd("")
	return len(b.open) > 0 || b.head == rule && b.parens > 0
}

// feed takes the statement's next token, comments left out; text is in upper case.
func (b *block) feed(k kind, text string) {
	b.words++
	switch {
	case b.words == 1:
		switch text {
		case "EXPLAIN", "QUERY", "PLAN": // SQLite explains even CREATE TRIGGER
			b.words = 0
		case "CREATE":
			b.head = creating
		case "BEGIN":
			b.head = anon
		}
	case b.head == creating:
		b.create(k, text)
	case b.head == anon:
		b.head = plain
		if text == "NOT" { // MariaDB's BEGIN NOT ATOMIC
			b.head, b.open = routine, append(b.open, "BEGIN")
		}
	case b.head == rule && text == "(":
		b.parens++
	case b.head == rule && text == ")":
		b.parens--
	case b.head == routine && k == named && text[0] == ':': // label:BEGIN
		b.last = ":"
		b.step(text[1:])
	case b.head == routine && k == word:
		b.step(text)
	case b.head == routine:
		b.finishEnd("")
	}
	b.last, b.word = text, k != op && k != separator
}

// create reads on between CREATE and what is created.
func (b *block) create(k kind, text string) {
	switch text {
	case "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT":
		b.head = routine
		return
	case "RULE":
		b.head = rule
		return
	case "OR", "REPLACE", "TEMP", "TEMPORARY", "CONSTRAINT", "AGGREGATE", "DEFINER", "=", ".", "(", ")":
		return
	}
	if b.last != "=" && b.last != "@" && k != variable && k != codeBegin { // DEFINER = name@host
		b.head = plain
	}
}

// step reads a word of the body.
func (b *block) step(text string) {
	if b.last == "." { // NEW.begin
		b.finishEnd("")
		return
	}
	ended := b.end
	b.finishEnd(text)
	switch text {
	case "END":
		b.end, b.atStep = true, b.last == ";" || b.last == "BEGIN" || b.last == "ATOMIC"
	case "BEGIN":
		if len(b.open) == 0 || b.nests && (b.statement() || b.word && !operator(b.last)) { // after a handler's condition
			b.open = append(b.open, text)
		}
	case "CASE":
		if !ended {
			b.open = append(b.open, text)
		}
	case "IF", "LOOP", "WHILE", "REPEAT", "FOR":
		if !ended && b.statement() {
			b.open = append(b.open, text)
		}
	}
}

// statement reports whether a statement of the body can begin here, which tells IF from the function IF().
func (b *block) statement() bool {
	switch b.last {
	case ";", ":", "BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", "ROW":
		return true
	}
	return false
}

// operator reports whether a value follows the word, so that a BEGIN after it is somebody's column.
func operator(text string) bool {
	switch text {
	case "SET", "SELECT", "WHERE", "AND", "OR", "NOT", "BY", "ON", "AS", "IN", "BETWEEN", "WHEN", "RETURN":
		return true
	}
	return false
}

// finishEnd closes what END ends, now that the next word is known. An END that fits nothing is somebody's column.
func (b *block) finishEnd(next string) {
	if !b.end {
		return
	}
	b.end = false
	if len(b.open) == 0 {
		return
	}
	top := b.open[len(b.open)-1]
	switch next {
	case "IF", "LOOP", "WHILE", "REPEAT", "FOR", "CASE":
		if top == "BEGIN" && next != top { // ends what wasn't seen to begin, such as a labelled loop
			return
		}
	}
	if top == next || top == "CASE" || top == "BEGIN" && b.atStep {
		b.open = b.open[:len(b.open)-1]
	}
}
