package driver

// Decimal is an exact decimal number as its digits: what Simplify makes of a plinth.Decimal, so that a driver can send
// it as the database's own decimal type, or as text where there is none.
type Decimal string

// Simplify brings an argument down to nil, bool, int64, uint64, float64, string, []byte, time.Time or Decimal.
func Simplify(v any) (any, error) {
	return nil, Faultf(Unsupported, "simplify: not built yet")
}
