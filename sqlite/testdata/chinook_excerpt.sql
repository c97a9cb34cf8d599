-- An excerpt of the Chinook database 1.4.5 (two customers, what they bought, and what that refers to).
-- Copyright (c) 2008-2024 Luis Rocha, MIT licence: https://github.com/lerocha/chinook-database/blob/master/LICENSE.md

DROP TABLE IF EXISTS [Album];

DROP TABLE IF EXISTS [Artist];

DROP TABLE IF EXISTS [Customer];

DROP TABLE IF EXISTS [Employee];

DROP TABLE IF EXISTS [Genre];

DROP TABLE IF EXISTS [Invoice];

DROP TABLE IF EXISTS [InvoiceLine];

DROP TABLE IF EXISTS [MediaType];

DROP TABLE IF EXISTS [Playlist];

DROP TABLE IF EXISTS [PlaylistTrack];

DROP TABLE IF EXISTS [Track];

CREATE TABLE [Album]
(
    [AlbumId] INTEGER  NOT NULL,
    [Title] NVARCHAR(160)  NOT NULL,
    [ArtistId] INTEGER  NOT NULL,
    CONSTRAINT [PK_Album] PRIMARY KEY  ([AlbumId]),
    FOREIGN KEY ([ArtistId]) REFERENCES [Artist] ([ArtistId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION
);

CREATE TABLE [Artist]
(
    [ArtistId] INTEGER  NOT NULL,
    [Name] NVARCHAR(120),
    CONSTRAINT [PK_Artist] PRIMARY KEY  ([ArtistId])
);

CREATE TABLE [Customer]
(
    [CustomerId] INTEGER  NOT NULL,
    [FirstName] NVARCHAR(40)  NOT NULL,
    [LastName] NVARCHAR(20)  NOT NULL,
    [Company] NVARCHAR(80),
    [Address] NVARCHAR(70),
    [City] NVARCHAR(40),
    [State] NVARCHAR(40),
    [Country] NVARCHAR(40),
    [PostalCode] NVARCHAR(10),
    [Phone] NVARCHAR(24),
    [Fax] NVARCHAR(24),
    [Email] NVARCHAR(60)  NOT NULL,
    [SupportRepId] INTEGER,
    CONSTRAINT [PK_Customer] PRIMARY KEY  ([CustomerId]),
    FOREIGN KEY ([SupportRepId]) REFERENCES [Employee] ([EmployeeId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION
);

CREATE TABLE [Employee]
(
    [EmployeeId] INTEGER  NOT NULL,
    [LastName] NVARCHAR(20)  NOT NULL,
    [FirstName] NVARCHAR(20)  NOT NULL,
    [Title] NVARCHAR(30),
    [ReportsTo] INTEGER,
    [BirthDate] DATETIME,
    [HireDate] DATETIME,
    [Address] NVARCHAR(70),
    [City] NVARCHAR(40),
    [State] NVARCHAR(40),
    [Country] NVARCHAR(40),
    [PostalCode] NVARCHAR(10),
    [Phone] NVARCHAR(24),
    [Fax] NVARCHAR(24),
    [Email] NVARCHAR(60),
    CONSTRAINT [PK_Employee] PRIMARY KEY  ([EmployeeId]),
    FOREIGN KEY ([ReportsTo]) REFERENCES [Employee] ([EmployeeId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION
);

CREATE TABLE [Genre]
(
    [GenreId] INTEGER  NOT NULL,
    [Name] NVARCHAR(120),
    CONSTRAINT [PK_Genre] PRIMARY KEY  ([GenreId])
);

CREATE TABLE [Invoice]
(
    [InvoiceId] INTEGER  NOT NULL,
    [CustomerId] INTEGER  NOT NULL,
    [InvoiceDate] DATETIME  NOT NULL,
    [BillingAddress] NVARCHAR(70),
    [BillingCity] NVARCHAR(40),
    [BillingState] NVARCHAR(40),
    [BillingCountry] NVARCHAR(40),
    [BillingPostalCode] NVARCHAR(10),
    [Total] NUMERIC(10,2)  NOT NULL,
    CONSTRAINT [PK_Invoice] PRIMARY KEY  ([InvoiceId]),
    FOREIGN KEY ([CustomerId]) REFERENCES [Customer] ([CustomerId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION
);

CREATE TABLE [InvoiceLine]
(
    [InvoiceLineId] INTEGER  NOT NULL,
    [InvoiceId] INTEGER  NOT NULL,
    [TrackId] INTEGER  NOT NULL,
    [UnitPrice] NUMERIC(10,2)  NOT NULL,
    [Quantity] INTEGER  NOT NULL,
    CONSTRAINT [PK_InvoiceLine] PRIMARY KEY  ([InvoiceLineId]),
    FOREIGN KEY ([InvoiceId]) REFERENCES [Invoice] ([InvoiceId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([TrackId]) REFERENCES [Track] ([TrackId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION
);

CREATE TABLE [MediaType]
(
    [MediaTypeId] INTEGER  NOT NULL,
    [Name] NVARCHAR(120),
    CONSTRAINT [PK_MediaType] PRIMARY KEY  ([MediaTypeId])
);

CREATE TABLE [Playlist]
(
    [PlaylistId] INTEGER  NOT NULL,
    [Name] NVARCHAR(120),
    CONSTRAINT [PK_Playlist] PRIMARY KEY  ([PlaylistId])
);

CREATE TABLE [PlaylistTrack]
(
    [PlaylistId] INTEGER  NOT NULL,
    [TrackId] INTEGER  NOT NULL,
    CONSTRAINT [PK_PlaylistTrack] PRIMARY KEY  ([PlaylistId], [TrackId]),
    FOREIGN KEY ([PlaylistId]) REFERENCES [Playlist] ([PlaylistId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([TrackId]) REFERENCES [Track] ([TrackId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION
);

CREATE TABLE [Track]
(
    [TrackId] INTEGER  NOT NULL,
    [Name] NVARCHAR(200)  NOT NULL,
    [AlbumId] INTEGER,
    [MediaTypeId] INTEGER  NOT NULL,
    [GenreId] INTEGER,
    [Composer] NVARCHAR(220),
    [Milliseconds] INTEGER  NOT NULL,
    [Bytes] INTEGER,
    [UnitPrice] NUMERIC(10,2)  NOT NULL,
    CONSTRAINT [PK_Track] PRIMARY KEY  ([TrackId]),
    FOREIGN KEY ([AlbumId]) REFERENCES [Album] ([AlbumId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([GenreId]) REFERENCES [Genre] ([GenreId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION,
    FOREIGN KEY ([MediaTypeId]) REFERENCES [MediaType] ([MediaTypeId]) 
		ON DELETE NO ACTION ON UPDATE NO ACTION
);

CREATE INDEX [IFK_AlbumArtistId] ON [Album] ([ArtistId]);

CREATE INDEX [IFK_CustomerSupportRepId] ON [Customer] ([SupportRepId]);

CREATE INDEX [IFK_EmployeeReportsTo] ON [Employee] ([ReportsTo]);

CREATE INDEX [IFK_InvoiceCustomerId] ON [Invoice] ([CustomerId]);

CREATE INDEX [IFK_InvoiceLineInvoiceId] ON [InvoiceLine] ([InvoiceId]);

CREATE INDEX [IFK_InvoiceLineTrackId] ON [InvoiceLine] ([TrackId]);

CREATE INDEX [IFK_PlaylistTrackPlaylistId] ON [PlaylistTrack] ([PlaylistId]);

CREATE INDEX [IFK_PlaylistTrackTrackId] ON [PlaylistTrack] ([TrackId]);

CREATE INDEX [IFK_TrackAlbumId] ON [Track] ([AlbumId]);

CREATE INDEX [IFK_TrackGenreId] ON [Track] ([GenreId]);

CREATE INDEX [IFK_TrackMediaTypeId] ON [Track] ([MediaTypeId]);

INSERT INTO [Genre] ([GenreId], [Name]) VALUES
    (1, 'Rock'),
    (2, 'Jazz'),
    (3, 'Metal'),
    (4, 'Alternative & Punk'),
    (5, 'Rock And Roll'),
    (6, 'Blues'),
    (7, 'Latin'),
    (8, 'Reggae'),
    (9, 'Pop'),
    (10, 'Soundtrack'),
    (11, 'Bossa Nova'),
    (12, 'Easy Listening'),
    (13, 'Heavy Metal'),
    (14, 'R&B/Soul'),
    (15, 'Electronica/Dance'),
    (16, 'World'),
    (17, 'Hip Hop/Rap'),
    (18, 'Science Fiction'),
    (19, 'TV Shows'),
    (20, 'Sci Fi & Fantasy'),
    (21, 'Drama'),
    (22, 'Comedy'),
    (23, 'Alternative'),
    (24, 'Classical'),
    (25, 'Opera');

INSERT INTO [MediaType] ([MediaTypeId], [Name]) VALUES
    (1, 'MPEG audio file'),
    (2, 'Protected AAC audio file'),
    (3, 'Protected MPEG-4 video file'),
    (4, 'Purchased AAC audio file'),
    (5, 'AAC audio file');

INSERT INTO [Artist] ([ArtistId], [Name]) VALUES
    (2, 'Accept'),
    (6, 'Antônio Carlos Jobim'),
    (14, 'Bruce Dickinson'),
    (15, 'Buddy Guy'),
    (21, 'Various Artists'),
    (22, 'Led Zeppelin'),
    (23, 'Frank Zappa & Captain Beefheart'),
    (24, 'Marcos Valle'),
    (50, 'Metallica'),
    (51, 'Queen'),
    (52, 'Kiss'),
    (53, 'Spyro Gyra'),
    (54, 'Green Day'),
    (72, 'Vinícius De Moraes'),
    (81, 'Eric Clapton'),
    (90, 'Iron Maiden'),
    (100, 'Lenny Kravitz'),
    (116, 'Passengers'),
    (117, 'Paul D''Ianno'),
    (118, 'Pearl Jam'),
    (124, 'R.E.M.'),
    (134, 'Stone Temple Pilots'),
    (144, 'The Who'),
    (148, 'Heroes'),
    (150, 'U2'),
    (152, 'Van Halen'),
    (153, 'Velvet Revolver'),
    (155, 'Zeca Pagodinho'),
    (156, 'The Office');

INSERT INTO [Album] ([AlbumId], [Title], [ArtistId]) VALUES
    (2, 'Balls to the Wall', 2),
    (3, 'Restless and Wild', 2),
    (19, 'Chemical Wedding', 14),
    (20, 'The Best Of Buddy Guy - The Millenium Collection', 15),
    (29, 'Axé Bahia 2001', 21),
    (30, 'BBC Sessions [Disc 1] [Live]', 22),
    (31, 'Bongo Fury', 23),
    (32, 'Carnaval 2001', 21),
    (33, 'Chill: Brazil (Disc 1)', 24),
    (34, 'Chill: Brazil (Disc 2)', 6),
    (35, 'Garage Inc. (Disc 1)', 50),
    (36, 'Greatest Hits II', 51),
    (37, 'Greatest Kiss', 52),
    (38, 'Heart of the Night', 53),
    (39, 'International Superhits', 54),
    (72, 'The Cream Of Clapton', 81),
    (73, 'Unplugged', 81),
    (109, 'Rock In Rio [CD2]', 90),
    (110, 'Seventh Son of a Seventh Son', 90),
    (111, 'Somewhere in Time', 90),
    (112, 'The Number of The Beast', 90),
    (113, 'The X Factor', 90),
    (114, 'Virtual XI', 90),
    (141, 'Greatest Hits', 100),
    (176, 'Original Soundtracks 1', 116),
    (177, 'The Beast Live', 117),
    (178, 'Live On Two Legs [Live]', 118),
    (179, 'Pearl Jam', 118),
    (180, 'Riot Act', 118),
    (188, 'Green', 124),
    (206, 'Core', 134),
    (221, 'My Generation - The Very Best Of The Who', 144),
    (228, 'Heroes, Season 1', 148),
    (237, 'Rattle And Hum', 150),
    (243, 'The Best Of Van Halen, Vol. I', 152),
    (244, 'Van Halen', 152),
    (245, 'Van Halen III', 152),
    (246, 'Contraband', 153),
    (247, 'Vinicius De Moraes', 72),
    (248, 'Ao Vivo [IMPORT]', 155),
    (249, 'The Office, Season 1', 156),
    (250, 'The Office, Season 2', 156),
    (255, 'Instant Karma: The Amnesty International Campaign to Save Darfur', 150);

INSERT INTO [Track] ([TrackId], [Name], [AlbumId], [MediaTypeId], [GenreId], [Composer], [Milliseconds], [Bytes], [UnitPrice]) VALUES
    (2, 'Balls to the Wall', 2, 2, 1, 'U. Dirkschneider, W. Hoffmann, H. Frank, P. Baltes, S. Kaufmann, G. Hoffmann', 342562, 5510424, 0.99),
    (4, 'Restless and Wild', 3, 2, 1, 'F. Baltes, R.A. Smith-Diesel, S. Kaufman, U. Dirkscneider & W. Hoffman', 252051, 4331779, 0.99),
    (192, 'The Alchemist', 19, 1, 3, 'Roy Z', 509413, 16545657, 0.99),
    (194, 'First Time I Met The Blues', 20, 1, 6, 'Eurreal Montgomery', 140434, 4604995, 0.99),
    (196, 'Stone Crazy', 20, 1, 6, 'Buddy Guy', 433397, 14184984, 0.99),
    (198, 'When My Left Eye Jumps', 20, 1, 6, 'Al Perkins/Willie Dixon', 235311, 7685363, 0.99),
    (331, 'Lavadeira', 29, 1, 9, 'Do Vale, Valverde/Gal Oliveira/Luciano Pinto', 214256, 7254147, 0.99),
    (340, 'Dazed and Confused', 30, 1, 1, 'Jimmy Page', 401920, 13035765, 0.99),
    (349, 'You Shook Me(2)', 30, 1, 1, 'J B Lenoir/Willie Dixon', 619467, 20138673, 0.99),
    (358, 'Man With The Woman Head', 31, 1, 1, 'Don Van Vliet', 88894, 2922044, 0.99),
    (367, 'Leandro De Itaquera 2001', 32, 1, 10, NULL, 274808, 9451845, 0.99),
    (376, 'Vôo Sobre o Horizonte', 33, 1, 7, 'J.r.Bertami/Parana', 225097, 7528825, 0.99),
    (385, 'All Star', 33, 1, 7, 'Nando Reis', 176326, 5891697, 0.99),
    (394, 'Tanto Tempo', 34, 1, 7, 'Vários', 170292, 5572240, 0.99),
    (403, 'Bumbo Da Mangueira', 34, 1, 7, 'Vários', 270158, 9073350, 0.99),
    (412, 'Die Die My Darling', 35, 1, 3, 'Danzig', 149315, 4867667, 0.99),
    (421, 'Radio GA GA', 36, 1, 1, 'Roger Taylor', 343745, 11358573, 0.99),
    (430, 'I''m Going Slightly Mad', 36, 1, 1, 'Queen', 248032, 8192339, 0.99),
    (439, 'Sure Know Something', 37, 1, 1, 'Paul Stanley, Vincent Poncia', 242468, 7939886, 0.99),
    (448, 'God Of Thunder', 37, 1, 1, 'Paul Stanley', 255791, 8309077, 0.99),
    (457, 'De La Luz', 38, 1, 2, NULL, 315219, 10518284, 0.99),
    (461, 'Surrender', 38, 1, 2, NULL, 287634, 9422926, 0.99),
    (465, 'When Evening Falls', 38, 1, 2, NULL, 298135, 9863942, 0.99),
    (469, 'Poprocks And Coke', 39, 1, 4, 'Billie Joe Armstrong -Words Green Day -Music', 158354, 5243078, 0.99),
    (473, 'When I Come Around', 39, 1, 4, 'Billie Joe Armstrong -Words Green Day -Music', 178364, 5839426, 0.99),
    (477, 'Brain Stew', 39, 1, 4, 'Billie Joe Armstrong -Words Green Day -Music', 193149, 6305550, 0.99),
    (898, 'Bell Bottom Blues', 72, 1, 6, 'Clapton', 304744, 9946681, 0.99),
    (902, 'Swing Low Sweet Chariot', 72, 1, 6, 'Clapton/Trad. Arr. Clapton', 208143, 6896288, 0.99),
    (906, 'Let It Grow', 72, 1, 6, 'Clapton', 297064, 9742568, 0.99),
    (910, 'Before You Accuse Me', 73, 1, 6, 'Eugene McDaniel', 224339, 7456807, 0.99),
    (914, 'Nobody Knows You When You''re Down & Out', 73, 1, 6, 'Jimmy Cox', 231836, 7669922, 0.99),
    (918, 'Alberta', 73, 1, 6, 'Traditional', 222406, 7412975, 0.99),
    (1365, 'Fear Of The Dark', 109, 1, 1, 'Steve Harris', 460695, 18430080, 0.99),
    (1371, 'Moonchild', 110, 1, 3, 'Adrian Smith; Bruce Dickinson', 340767, 8179151, 0.99),
    (1377, 'The Clairvoyant', 110, 1, 3, 'Adrian Smith; Bruce Dickinson; Steve Harris', 267023, 6411510, 0.99),
    (1383, 'Stranger in a Strange Land', 111, 1, 3, 'Adrian Smith', 344502, 8270899, 0.99),
    (1389, 'Gangland', 112, 1, 3, 'Adrian Smith/Clive Burr/Steve Harris', 228440, 3202866, 0.99),
    (1395, 'Sign Of The Cross', 113, 1, 1, 'Steve Harris', 678008, 27121792, 0.99),
    (1401, 'Judgement Of Heaven', 113, 1, 1, 'Steve Harris', 312476, 12501120, 0.99),
    (1407, 'The Angel And The Gambler', 114, 1, 1, 'Steve Harris', 592744, 23711872, 0.99),
    (1413, 'Como Estais Amigos', 114, 1, 1, 'Blaze Bayley/Janick Gers', 330292, 13213824, 0.99),
    (2130, 'Beach Sequence', 176, 1, 10, 'Brian Eno, Bono, Adam Clayton, The Edge & Larry Mullen Jnr.', 212297, 6928259, 0.99),
    (2136, 'Plot 180', 176, 1, 10, 'Brian Eno, Bono, Adam Clayton, The Edge & Larry Mullen Jnr.', 221596, 7253729, 0.99),
    (2142, 'Murders In The Rue Morgue', 177, 1, 1, 'Steve Harris', 258638, 8360999, 0.99),
    (2148, 'Iron Maiden', 177, 1, 1, 'Steve Harris', 235232, 7600077, 0.99),
    (2154, 'Untitled', 178, 1, 1, 'Pearl Jam', 122801, 3957141, 0.99),
    (2160, 'Nothingman', 178, 1, 1, 'Jeff Ament & Eddie Vedder', 278595, 9107017, 0.99),
    (2166, 'World Wide Suicide', 179, 1, 4, 'Eddie Vedder', 209188, 6885908, 0.99),
    (2172, 'Big Wave', 179, 1, 4, 'Jeff Ament', 178573, 5858788, 0.99),
    (2178, 'Can''t Keep', 180, 1, 1, 'Eddie Vedder', 219428, 7215713, 0.99),
    (2295, 'Untitled', 188, 1, 4, 'Bill Berry-Peter Buck-Mike Mills-Michael Stipe', 191503, 6332426, 0.99),
    (2551, 'Wet My Bed', 206, 1, 1, 'R. DeLeo/Weiland', 96914, 3198627, 0.99),
    (2552, 'Crackerman', 206, 1, 1, 'Kretz/R. DeLeo/Weiland', 194403, 6317361, 0.99),
    (2736, 'Boris The Spider', 221, 1, 1, 'John Entwistle', 149472, 4835202, 0.99),
    (2740, 'Magic Bus', 221, 1, 1, 'Pete Townshend', 197224, 6452700, 0.99),
    (2742, 'The Seeker', 221, 1, 1, 'Pete Townshend', 204643, 6736866, 0.99),
    (2992, 'I Still Haven''t Found What I''m Looking for', 237, 1, 1, 'Bono/Clayton, Adam/Mullen Jr., Larry/The Edge', 353567, 11542247, 0.99),
    (2993, 'Freedom For My People', 237, 1, 1, 'Mabins, Macie/Magee, Sterling/Robinson, Bobby', 38164, 1249764, 0.99),
    (3069, 'Unchained', 243, 1, 1, 'Edward Van Halen, Alex Van Halen, David Lee Roth, Michael Anthony', 208953, 6777078, 0.99),
    (3078, 'Humans Being', 243, 1, 1, 'Edward Van Halen, Alex Van Halen, Michael Anthony,/Edward Van Halen, Alex Van Halen, Michael Anthony, Sammy Hagar', 308950, 10014683, 0.99),
    (3087, 'Atomic Punk', 244, 1, 1, 'Edward Van Halen, Alex Van Halen, Michael Anthony and David Lee Roth', 182073, 5908861, 0.99),
    (3096, 'Dirty Water Dog', 245, 1, 1, 'Van Halen', 327392, 10709202, 0.99),
    (3105, 'Do It For The Kids', 246, 1, 1, 'Dave Kushner, Duff, Matt Sorum, Scott Weiland & Slash', 235911, 7693331, 0.99),
    (3114, 'Slither', 246, 1, 1, 'Dave Kushner, Duff, Matt Sorum, Scott Weiland & Slash', 248398, 8118785, 0.99),
    (3123, 'Samba Pra Endrigo', 247, 1, 7, NULL, 259265, 8823551, 0.99),
    (3132, 'Still Of The Night', 141, 1, 3, 'Sykes', 398210, 13043817, 0.99),
    (3141, 'You''re Gonna Break My Hart Again', 141, 1, 3, 'Sykes', 250853, 8176847, 0.99),
    (3150, 'Coração Em Desalinho', 248, 1, 7, 'Mauro Diniz/Ratino Sigem', 185208, 6225948, 0.99),
    (3159, 'Camarão que Dorme e Onda Leva', 248, 1, 7, 'Acyi Marques/Arlindo Bruz/Braço, Beto Sem/Zeca Pagodinho', 299102, 10012231, 0.99),
    (3168, 'The Hard Part', 228, 3, 21, NULL, 2601017, 475996611, 1.99),
    (3177, 'Hot Girl', 249, 3, 19, NULL, 1325458, 267836576, 1.99),
    (3186, 'Email Surveillance', 250, 3, 19, NULL, 1328870, 265101113, 1.99),
    (3254, '#9 Dream', 255, 2, 9, NULL, 278312, 4506425, 0.99),
    (3256, 'Give Peace a Chance', 255, 2, 9, NULL, 274644, 4448025, 0.99),
    (3258, 'Whatever Gets You Thru the Night', 255, 2, 9, NULL, 215084, 3499018, 0.99),
    (3260, 'Gimme Some Truth', 255, 2, 9, NULL, 232778, 3780807, 0.99);

INSERT INTO [Employee] ([EmployeeId], [LastName], [FirstName], [Title], [ReportsTo], [BirthDate], [HireDate], [Address], [City], [State], [Country], [PostalCode], [Phone], [Fax], [Email]) VALUES
    (1, 'Adams', 'Andrew', 'General Manager', NULL, '1962-02-18 00:00:00', '2002-08-14 00:00:00', '11120 Jasper Ave NW', 'Edmonton', 'AB', 'Canada', 'T5K 2N1', '+1 (780) 428-9482', '+1 (780) 428-3457', 'andrew@chinookcorp.com'),
    (2, 'Edwards', 'Nancy', 'Sales Manager', 1, '1958-12-08 00:00:00', '2002-05-01 00:00:00', '825 8 Ave SW', 'Calgary', 'AB', 'Canada', 'T2P 2T3', '+1 (403) 262-3443', '+1 (403) 262-3322', 'nancy@chinookcorp.com'),
    (3, 'Peacock', 'Jane', 'Sales Support Agent', 2, '1973-08-29 00:00:00', '2002-04-01 00:00:00', '1111 6 Ave SW', 'Calgary', 'AB', 'Canada', 'T2P 5M5', '+1 (403) 262-3443', '+1 (403) 262-6712', 'jane@chinookcorp.com'),
    (4, 'Park', 'Margaret', 'Sales Support Agent', 2, '1947-09-19 00:00:00', '2003-05-03 00:00:00', '683 10 Street SW', 'Calgary', 'AB', 'Canada', 'T2P 5G3', '+1 (403) 263-4423', '+1 (403) 263-4289', 'margaret@chinookcorp.com'),
    (5, 'Johnson', 'Steve', 'Sales Support Agent', 2, '1965-03-03 00:00:00', '2003-10-17 00:00:00', '7727B 41 Ave', 'Calgary', 'AB', 'Canada', 'T3B 1Y7', '1 (780) 836-9987', '1 (780) 836-9543', 'steve@chinookcorp.com'),
    (6, 'Mitchell', 'Michael', 'IT Manager', 1, '1973-07-01 00:00:00', '2003-10-17 00:00:00', '5827 Bowness Road NW', 'Calgary', 'AB', 'Canada', 'T3B 0C5', '+1 (403) 246-9887', '+1 (403) 246-9899', 'michael@chinookcorp.com'),
    (7, 'King', 'Robert', 'IT Staff', 6, '1970-05-29 00:00:00', '2004-01-02 00:00:00', '590 Columbia Boulevard West', 'Lethbridge', 'AB', 'Canada', 'T1K 5N8', '+1 (403) 456-9986', '+1 (403) 456-8485', 'robert@chinookcorp.com'),
    (8, 'Callahan', 'Laura', 'IT Staff', 6, '1968-01-09 00:00:00', '2004-03-04 00:00:00', '923 7 ST NW', 'Lethbridge', 'AB', 'Canada', 'T1H 1Y8', '+1 (403) 467-3351', '+1 (403) 467-8772', 'laura@chinookcorp.com');

INSERT INTO [Customer] ([CustomerId], [FirstName], [LastName], [Company], [Address], [City], [State], [Country], [PostalCode], [Phone], [Fax], [Email], [SupportRepId]) VALUES
    (2, 'Leonie', 'Köhler', NULL, 'Theodor-Heuss-Straße 34', 'Stuttgart', NULL, 'Germany', '70174', '+49 0711 2842222', NULL, 'leonekohler@surfeu.de', 5),
    (5, 'František', 'Wichterlová', 'JetBrains s.r.o.', 'Klanova 9/506', 'Prague', NULL, 'Czech Republic', '14700', '+420 2 4172 5555', '+420 2 4172 5555', 'frantisekw@jetbrains.com', 4);

INSERT INTO [Invoice] ([InvoiceId], [CustomerId], [InvoiceDate], [BillingAddress], [BillingCity], [BillingState], [BillingCountry], [BillingPostalCode], [Total]) VALUES
    (1, 2, '2021-01-01 00:00:00', 'Theodor-Heuss-Straße 34', 'Stuttgart', NULL, 'Germany', '70174', 1.98),
    (12, 2, '2021-02-11 00:00:00', 'Theodor-Heuss-Straße 34', 'Stuttgart', NULL, 'Germany', '70174', 13.86),
    (67, 2, '2021-10-12 00:00:00', 'Theodor-Heuss-Straße 34', 'Stuttgart', NULL, 'Germany', '70174', 8.91),
    (196, 2, '2023-05-19 00:00:00', 'Theodor-Heuss-Straße 34', 'Stuttgart', NULL, 'Germany', '70174', 1.98),
    (219, 2, '2023-08-21 00:00:00', 'Theodor-Heuss-Straße 34', 'Stuttgart', NULL, 'Germany', '70174', 3.96),
    (241, 2, '2023-11-23 00:00:00', 'Theodor-Heuss-Straße 34', 'Stuttgart', NULL, 'Germany', '70174', 5.94),
    (293, 2, '2024-07-13 00:00:00', 'Theodor-Heuss-Straße 34', 'Stuttgart', NULL, 'Germany', '70174', 0.99),
    (77, 5, '2021-12-08 00:00:00', 'Klanova 9/506', 'Prague', NULL, 'Czech Republic', '14700', 1.98),
    (100, 5, '2022-03-12 00:00:00', 'Klanova 9/506', 'Prague', NULL, 'Czech Republic', '14700', 3.96),
    (122, 5, '2022-06-14 00:00:00', 'Klanova 9/506', 'Prague', NULL, 'Czech Republic', '14700', 5.94),
    (174, 5, '2023-02-02 00:00:00', 'Klanova 9/506', 'Prague', NULL, 'Czech Republic', '14700', 0.99),
    (295, 5, '2024-07-26 00:00:00', 'Klanova 9/506', 'Prague', NULL, 'Czech Republic', '14700', 1.98),
    (306, 5, '2024-09-05 00:00:00', 'Klanova 9/506', 'Prague', NULL, 'Czech Republic', '14700', 16.86),
    (361, 5, '2025-05-06 00:00:00', 'Klanova 9/506', 'Prague', NULL, 'Czech Republic', '14700', 8.91);

INSERT INTO [InvoiceLine] ([InvoiceLineId], [InvoiceId], [TrackId], [UnitPrice], [Quantity]) VALUES
    (1, 1, 2, 0.99, 1),
    (2, 1, 4, 0.99, 1),
    (60, 12, 331, 0.99, 1),
    (61, 12, 340, 0.99, 1),
    (62, 12, 349, 0.99, 1),
    (63, 12, 358, 0.99, 1),
    (64, 12, 367, 0.99, 1),
    (65, 12, 376, 0.99, 1),
    (66, 12, 385, 0.99, 1),
    (67, 12, 394, 0.99, 1),
    (68, 12, 403, 0.99, 1),
    (69, 12, 412, 0.99, 1),
    (70, 12, 421, 0.99, 1),
    (71, 12, 430, 0.99, 1),
    (72, 12, 439, 0.99, 1),
    (73, 12, 448, 0.99, 1),
    (355, 67, 2130, 0.99, 1),
    (356, 67, 2136, 0.99, 1),
    (357, 67, 2142, 0.99, 1),
    (358, 67, 2148, 0.99, 1),
    (359, 67, 2154, 0.99, 1),
    (360, 67, 2160, 0.99, 1),
    (361, 67, 2166, 0.99, 1),
    (362, 67, 2172, 0.99, 1),
    (363, 67, 2178, 0.99, 1),
    (417, 77, 2551, 0.99, 1),
    (418, 77, 2552, 0.99, 1),
    (535, 100, 3254, 0.99, 1),
    (536, 100, 3256, 0.99, 1),
    (537, 100, 3258, 0.99, 1),
    (538, 100, 3260, 0.99, 1),
    (653, 122, 457, 0.99, 1),
    (654, 122, 461, 0.99, 1),
    (655, 122, 465, 0.99, 1),
    (656, 122, 469, 0.99, 1),
    (657, 122, 473, 0.99, 1),
    (658, 122, 477, 0.99, 1),
    (948, 174, 2295, 0.99, 1),
    (1063, 196, 2992, 0.99, 1),
    (1064, 196, 2993, 0.99, 1),
    (1181, 219, 192, 0.99, 1),
    (1182, 219, 194, 0.99, 1),
    (1183, 219, 196, 0.99, 1),
    (1184, 219, 198, 0.99, 1),
    (1299, 241, 898, 0.99, 1),
    (1300, 241, 902, 0.99, 1),
    (1301, 241, 906, 0.99, 1),
    (1302, 241, 910, 0.99, 1),
    (1303, 241, 914, 0.99, 1),
    (1304, 241, 918, 0.99, 1),
    (1594, 293, 2736, 0.99, 1),
    (1597, 295, 2740, 0.99, 1),
    (1598, 295, 2742, 0.99, 1),
    (1656, 306, 3069, 0.99, 1),
    (1657, 306, 3078, 0.99, 1),
    (1658, 306, 3087, 0.99, 1),
    (1659, 306, 3096, 0.99, 1),
    (1660, 306, 3105, 0.99, 1),
    (1661, 306, 3114, 0.99, 1),
    (1662, 306, 3123, 0.99, 1),
    (1663, 306, 3132, 0.99, 1),
    (1664, 306, 3141, 0.99, 1),
    (1665, 306, 3150, 0.99, 1),
    (1666, 306, 3159, 0.99, 1),
    (1667, 306, 3168, 1.99, 1),
    (1668, 306, 3177, 1.99, 1),
    (1669, 306, 3186, 1.99, 1),
    (1951, 361, 1365, 0.99, 1),
    (1952, 361, 1371, 0.99, 1),
    (1953, 361, 1377, 0.99, 1),
    (1954, 361, 1383, 0.99, 1),
    (1955, 361, 1389, 0.99, 1),
    (1956, 361, 1395, 0.99, 1),
    (1957, 361, 1401, 0.99, 1),
    (1958, 361, 1407, 0.99, 1),
    (1959, 361, 1413, 0.99, 1);
