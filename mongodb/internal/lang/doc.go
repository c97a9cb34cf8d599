// Package lang reads MongoDB statements in two forms, binds values to them and guards those values.
package lang
