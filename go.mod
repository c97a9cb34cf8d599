module github.com/plinthdb/plinth

go 1.26.0
