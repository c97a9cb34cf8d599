-- MariaDB on Linux tells the cases of a table's name apart, so Chinook's script for MySQL needs these as well, before names.sql.

rename table
    Album to album,
    Artist to artist,
    Customer to customer,
    Employee to employee,
    Genre to genre,
    Invoice to invoice,
    Playlist to playlist,
    Track to track;
