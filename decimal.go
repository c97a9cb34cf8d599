package plinth

// Decimal is an exact decimal number. The zero value is 0.
type Decimal struct {
	_ [0]func()
}
