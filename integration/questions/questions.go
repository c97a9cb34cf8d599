package questions

import "time"

// All returns the twenty questions. Each has one right answer: what may tie is ordered by a key at last, sums of decimals
// are rounded, because SQLite adds floats, and text is sorted by its code points, because the rules of a language are each
// server's own.
func All() []Question {
	return append(ofOneTable(), ofMore()...)
}

// ofOneTable returns the questions that need no join.
func ofOneTable() []Question {
	return []Question{
		{
			Name: "some rows, NULLs last",
			Asks: "Which customers are in Brazil or Germany? Those with a company first.",
			SQL: `select customer_id, first_name, last_name, company, state, fax from customer
			      where country = ? or country = ? order by company is null, customer_id`,
			Mongo: `db.Customer.aggregate([
			            {$match: {Country: {$in: [?, ?]}}}, {$addFields: {kind: {$type: "$Company"}}}, {$sort: {kind: -1, CustomerId: 1}},
			            {$project: {_id: 0, CustomerId: 1, FirstName: 1, LastName: 1, Company: 1, State: 1, Fax: 1}}])`,
			Args:    []any{"Brazil", "Germany"},
			answers: of[customer](),
		},
		{
			Name: "a page by its number",
			Asks: "Which are the third five of the longest tracks?",
			SQL: `select track_id, name, composer, milliseconds, bytes
			          from track order by milliseconds desc, track_id limit ? offset ?`,
			Mongo: `db.Track.find({}, {_id: 0, TrackId: 1, Name: 1, Composer: 1, Milliseconds: 1, Bytes: 1})
			            .sort({Milliseconds: -1, TrackId: 1}).limit(?).skip(?)`,
			Args:    []any{5, 10},
			answers: of[track](),
		},
		{
			Name: "a page by the last key of the one before",
			Asks: "Which ten invoices follow number 264, over 13.86, when the largest are first?",
			SQL: `select invoice_id, total from invoice where (total, invoice_id) < (?, ?)
			      order by total desc, invoice_id desc limit ?`,
			Mongo: `db.Invoice.find({$or: [{Total: {$lt: :total}}, {Total: :total, InvoiceId: {$lt: :last}}]}, {_id: 0, InvoiceId: 1, Total: 1})
			            .sort({Total: -1, InvoiceId: -1}).limit(:page)`,
			MongoArgs: []any{map[string]any{"total": 13.86, "last": 264, "page": 10}},
			Args:      []any{decimal("13.86"), 264, 10},
			answers:   of[invoiceTotal](),
		},
		{
			Name: "a range of dates",
			Asks: "Which invoices are from the first quarter of 2022?",
			SQL: `select invoice_id, invoice_date, date(invoice_date) as day, billing_state, total from invoice
			      where invoice_date >= ? and invoice_date < ? order by invoice_date, invoice_id`,
			Args:    []any{day(2022, 1, 1), day(2022, 4, 1)},
			answers: of[invoice](),
		},
		{
			Name: "NULLs aren't counted",
			Asks: "How many customers are there, for how many companies, in how many states and countries, how many have " +
				"neither company nor state, and how many are on the Moon? (The sum of nothing is NULL, not 0.)",
			SQL: `select count(*) as customers, count(company) as companies, count(distinct state) as states,
			             count(distinct country) as countries,
			             count(case when company is null and state is null then 1 end) as neither,
			             sum(case when country = ? then 1 end) as on_the_moon
			      from customer`,
			Args:    []any{"Moon"},
			answers: of[customerCount](),
		},
		{
			Name: "groups that pass a condition",
			Asks: "In which countries was more than 37.62 spent, on how many invoices, how small and large, and when first and last?",
			SQL: `select billing_country as country, count(*) as invoices, round(sum(total), 2) as spent, min(total) as smallest,
			             max(total) as largest, min(invoice_date) as first, max(invoice_date) as last
			      from invoice group by billing_country having round(sum(total), 2) > cast(? as decimal(10,2))
			      order by spent desc, min(invoice_id)`,
			Args:    []any{decimal("37.62")},
			answers: of[countrySales](),
		},
		{
			Name: "sums of integers",
			Asks: "Which albums have at least four tracks, how long do they play and how large are they?",
			SQL: `select album_id, count(*) as tracks, sum(milliseconds) as milliseconds, sum(bytes) as bytes,
			             round(avg(milliseconds), 1) as mean
			      from track where album_id <= ? group by album_id having count(*) >= ? order by album_id`,
			Args:    []any{20, 4},
			answers: of[albumLength](),
		},
		{
			Name: "parts of a date",
			Asks: "How many invoices are there of each month of 2021 and 2022, and over how much?",
			SQL: `select cast(extract(year from invoice_date) as int) as year, cast(extract(month from invoice_date) as int) as month,
			             count(*) as invoices, round(sum(total), 2) as spent
			      from invoice where extract(year from invoice_date) in (?) group by 1, 2 order by 1, 2`,
			SQLOn: map[string]string{
				"sqlite": `select cast(strftime('%Y', invoice_date) as int) as year, cast(strftime('%m', invoice_date) as int) as month,
				                  count(*) as invoices, round(sum(total), 2) as spent
				           from invoice where cast(strftime('%Y', invoice_date) as int) in (?) group by 1, 2 order by 1, 2`,
			},
			Args:    []any{[]int{2021, 2022}},
			answers: of[monthSales](),
		},
		{
			Name: "each combination once",
			Asks: "Which prices are there for which media types, among four genres?",
			SQL: `select distinct unit_price, media_type_id from track where genre_id in (?) and unit_price in (?)
			      order by unit_price desc, media_type_id`,
			Args:    []any{[]int{1, 2, 19, 21}, []any{decimal("0.99"), decimal("1.99")}},
			answers: of[mediaPrice](),
		},
		{
			Name: "text whatever its case",
			Asks: "Which tracks have \"the\" as a word in their names, in whatever case?",
			SQL: `select track_id, name, composer, milliseconds, bytes from track
			      where lower(name) like ? and composer is not null order by track_id limit 12`,
			Mongo: `db.Track.find({Name: {$regex: ?, $options: "i"}, Composer: {$ne: null}},
			            {_id: 0, TrackId: 1, Name: 1, Composer: 1, Milliseconds: 1, Bytes: 1}).sort({TrackId: 1}).limit(12)`,
			MongoArgs: []any{" the "},
			Args:      []any{"% the %"},
			answers:   of[track](),
		},
		{
			Name: "text by its code points",
			Asks: "What are the customers' names, by their code points, and how many letters have they?",
			SQL: `select concat(first_name, ' ', last_name) as name, length(last_name) as letters from customer
			      where country <> ? order by last_name, customer_id`,
			SQLOn: map[string]string{
				"postgres": `select concat(first_name, ' ', last_name) as name, length(last_name) as letters from customer
				             where country <> ? order by last_name collate "C", customer_id`,
				"mariadb": `select concat(first_name, ' ', last_name) as name, char_length(last_name) as letters from customer
				            where country <> ? order by convert(last_name using utf8mb4) collate utf8mb4_nopad_bin, customer_id`,
			},
			Args:    []any{"USA"},
			answers: of[name](),
		},
		{
			Name: "groups by a computed value",
			Asks: "How many tracks are short, of the usual length and long, how many have no composer, and what do they cost?",
			SQL: `select case when milliseconds < ? then 'short' when milliseconds < ? then 'usual' else 'long' end as class,
			             count(*) as tracks, count(*) - count(composer) as anonymous, min(unit_price) as cheapest,
			             max(unit_price) as dearest, round(avg(unit_price), 4) as mean
			      from track group by class order by min(milliseconds)`,
			Args:    []any{150_000, 10 * time.Minute.Milliseconds()},
			answers: of[trackClass](),
		},
	}
}

// ofMore returns the questions that need a join.
func ofMore() []Question {
	return []Question{
		{
			Name: "an inner join of seven tables",
			Asks: "What did customers 2 and 5 buy in 2021?",
			SQL: `select c.first_name, c.last_name, c.company, i.invoice_date as bought, al.title as "album.title",
			             ar.name as "album.artist", t.name as track, g.name as genre, t.milliseconds, l.unit_price, l.quantity
			      from invoice_line l
			      join invoice i on i.invoice_id = l.invoice_id
			      join customer c on c.customer_id = i.customer_id
			      join track t on t.track_id = l.track_id
			      join album al on al.album_id = t.album_id
			      join artist ar on ar.artist_id = al.artist_id
			      join genre g on g.genre_id = t.genre_id
			      where c.customer_id in (?) and i.invoice_date < ? order by i.invoice_date, l.invoice_line_id`,
			Args:    []any{[]int{2, 5}, day(2022, 1, 1)},
			Join:    true,
			answers: of[purchase](),
		},
		{
			Name: "a left join that finds nothing",
			Asks: "Which albums are there of these artists? Some have none.",
			SQL: `select ar.artist_id, ar.name, al.album_id as "album.album_id", al.title as "album.title"
			      from artist ar left join album al on al.artist_id = ar.artist_id
			      where ar.artist_id in (?) order by ar.artist_id, al.album_id`,
			Args:    []any{[]int{1, 14, 22, 25, 26, 28}},
			Join:    true,
			answers: of[artistAlbum](),
		},
		{
			Name: "a table joined with itself",
			Asks: "Who is each employee's manager, and since when is each of them there?",
			SQL: `select e.employee_id, e.first_name, e.last_name, e.birth_date, e.hire_date, m.hire_date as manager_hired,
			             coalesce(m.last_name, ?) as manager, nullif(e.city, m.city) as other_city
			      from employee e left join employee m on m.employee_id = e.reports_to order by e.employee_id`,
			Args:    []any{"nobody"},
			Join:    true,
			answers: of[employee](),
		},
		{
			Name: "sums over a left join",
			Asks: "How many tracks of each genre were sold until the end of 2023, and for how much?",
			SQL: `select g.genre_id, g.name, count(s.track_id) as sold, round(sum(s.amount), 2) as earned,
			             coalesce(round(sum(s.amount), 2), 0) as known
			      from genre g left join (
			          select t.genre_id, t.track_id, l.unit_price * l.quantity as amount
			          from track t join invoice_line l on l.track_id = t.track_id join invoice i on i.invoice_id = l.invoice_id
			          where i.invoice_date < ?) s on s.genre_id = g.genre_id
			      group by g.genre_id, g.name order by sold desc, g.genre_id`,
			Args:    []any{day(2024, 1, 1)},
			Join:    true,
			answers: of[genreSales](),
		},
		{
			Name: "whether there is one",
			Asks: "Which of these six customers bought Blues, and which never paid more than a dollar for a track?",
			SQL: `select c.customer_id, c.last_name,
			             exists (select 1 from invoice i join invoice_line l on l.invoice_id = i.invoice_id
			                     join track t on t.track_id = l.track_id
			                     where i.customer_id = c.customer_id and t.genre_id = ?) as blues,
			             not exists (select 1 from invoice i join invoice_line l on l.invoice_id = i.invoice_id
			                         where i.customer_id = c.customer_id and l.unit_price > ?) as cheap
			      from customer c where c.customer_id in (?) order by c.customer_id`,
			Args:    []any{6, decimal("1.00"), []int{1, 2, 5, 13, 16, 46}},
			Join:    true,
			answers: of[taste](),
		},
		{
			Name: "a tree",
			Asks: "Who is below whom among the employees, and how far down?",
			SQL: `with recursive below (employee_id, depth) as (
			          select employee_id, 0 from employee where reports_to is null
			          union all
			          select e.employee_id, b.depth + 1 from employee e join below b on e.reports_to = b.employee_id)
			      select b.depth, concat(e.last_name, ', ', e.title) as name
			      from below b join employee e on e.employee_id = b.employee_id where b.depth <= ? order by b.depth, e.employee_id`,
			Args:    []any{5},
			Join:    true,
			answers: of[below](),
		},
		{
			Name: "rows beside their neighbours",
			Asks: "What did the customers in Brazil spend on their two largest invoices and on their first, " +
				"how much in all until then, and when had they bought before?",
			SQL: `select last_name, place, invoice_id, invoice_date, previous, total, so_far from (
			          select c.last_name, i.customer_id, i.invoice_id, i.invoice_date, i.total,
			                 row_number() over (partition by i.customer_id order by i.total desc, i.invoice_id) as place,
			                 lag(i.invoice_date) over (partition by i.customer_id order by i.invoice_date, i.invoice_id) as previous,
			                 round(sum(i.total) over (partition by i.customer_id order by i.invoice_date, i.invoice_id), 2) as so_far
			          from invoice i join customer c on c.customer_id = i.customer_id where c.country = ?) ranked
			      where place <= ? or previous is null order by customer_id, place`,
			Args:    []any{"Brazil", 2},
			Join:    true,
			answers: of[ranked](),
		},
		{
			Name: "more than the mean",
			Asks: "Which are the ten longest of the albums that play at least twice as long as the mean album?",
			SQL: `with playing as (
			          select album_id, sum(milliseconds) as milliseconds, count(*) as tracks from track group by album_id)
			      select al.title, p.tracks, p.milliseconds from playing p join album al on al.album_id = p.album_id
			      where p.milliseconds >= ? * (select avg(milliseconds) from playing)
			      order by p.milliseconds desc, al.album_id limit 10`,
			Args:    []any{2},
			Join:    true,
			answers: of[albumTitle](),
		},
	}
}
