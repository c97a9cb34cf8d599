-- Chinook's scripts for SQLite and MySQL write InvoiceLineId where the one for PostgreSQL writes invoice_line_id: this
-- brings them to the latter's names. Those that differ in case only are left.

alter table InvoiceLine rename to invoice_line;
alter table MediaType rename to media_type;
alter table PlaylistTrack rename to playlist_track;

alter table album rename column AlbumId to album_id;
alter table album rename column ArtistId to artist_id;

alter table artist rename column ArtistId to artist_id;

alter table customer rename column CustomerId to customer_id;
alter table customer rename column FirstName to first_name;
alter table customer rename column LastName to last_name;
alter table customer rename column PostalCode to postal_code;
alter table customer rename column SupportRepId to support_rep_id;

alter table employee rename column EmployeeId to employee_id;
alter table employee rename column LastName to last_name;
alter table employee rename column FirstName to first_name;
alter table employee rename column ReportsTo to reports_to;
alter table employee rename column BirthDate to birth_date;
alter table employee rename column HireDate to hire_date;
alter table employee rename column PostalCode to postal_code;

alter table genre rename column GenreId to genre_id;

alter table invoice rename column InvoiceId to invoice_id;
alter table invoice rename column CustomerId to customer_id;
alter table invoice rename column InvoiceDate to invoice_date;
alter table invoice rename column BillingAddress to billing_address;
alter table invoice rename column BillingCity to billing_city;
alter table invoice rename column BillingState to billing_state;
alter table invoice rename column BillingCountry to billing_country;
alter table invoice rename column BillingPostalCode to billing_postal_code;

alter table invoice_line rename column InvoiceLineId to invoice_line_id;
alter table invoice_line rename column InvoiceId to invoice_id;
alter table invoice_line rename column TrackId to track_id;
alter table invoice_line rename column UnitPrice to unit_price;

alter table media_type rename column MediaTypeId to media_type_id;

alter table playlist rename column PlaylistId to playlist_id;

alter table playlist_track rename column PlaylistId to playlist_id;
alter table playlist_track rename column TrackId to track_id;

alter table track rename column TrackId to track_id;
alter table track rename column AlbumId to album_id;
alter table track rename column MediaTypeId to media_type_id;
alter table track rename column GenreId to genre_id;
alter table track rename column UnitPrice to unit_price;
