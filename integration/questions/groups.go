package questions

// Groups returns three more questions, whose groups FerretDB can answer as well: it has $sum, and one of it in a $group. (Of a
// second one it returns 0.)
func Groups() []Question {
	return []Question{
		{
			Name:    "groups by their number of rows",
			Asks:    "In which countries are at least five invoices, those with the most first?",
			SQL:     `select billing_country as _id, count(*) as invoices from invoice group by 1 having count(*) >= ? order by 2 desc, 1`,
			Mongo:   `db.Invoice.aggregate([{$group: {_id: "$BillingCountry", invoices: {$sum: 1}}}, {$match: {invoices: {$gte: ?}}}, {$sort: {invoices: -1, _id: 1}}])`,
			Args:    []any{5},
			answers: of[countryInvoices](),
		},
		{
			Name: "groups by a sum of integers",
			Asks: "How long does each of the first thirty albums play?",
			SQL: `select album_id as _id, sum(milliseconds) as milliseconds from track where album_id between ? and ?
			      group by album_id order by album_id`,
			Mongo: `db.Track.aggregate([{$match: {AlbumId: {$gte: ?, $lte: ?}}}, {$group: {_id: "$AlbumId", milliseconds: {$sum: "$Milliseconds"}}},
			            {$sort: {_id: 1}}])`,
			Args:    []any{1, 30},
			answers: of[albumTime](),
		},
		{
			Name:    "groups by a decimal",
			Asks:    "How many tracks were sold at each price, the dearest first?",
			SQL:     `select unit_price as _id, sum(quantity) as sold from invoice_line group by unit_price order by unit_price desc`,
			Mongo:   `db.InvoiceLine.aggregate([{$group: {_id: "$UnitPrice", sold: {$sum: "$Quantity"}}}, {$sort: {_id: -1}}])`,
			answers: of[priceSold](),
		},
	}
}
