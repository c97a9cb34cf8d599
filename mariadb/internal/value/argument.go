package value

// Append appends an argument to dst as a parameter of an execution or a row of a bulk, and returns its type, TypeNull if it
// is NULL and nothing was appended, and whether the type's integer is unsigned (ParamUnsigned in the protocol's flag). arg may be
// of any Go type, and nil. What can't be sent, or would be changed by it, is a *driver.Fault that says what to do and never
// repeats the value; the caller adds which argument it was.
func Append(dst []byte, arg any) (out []byte, typ byte, unsigned bool, err error) {
	return dst, 0x06, false, nil
}
