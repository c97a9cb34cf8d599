package wire

// Capabilities of a client or a server, from page connection#capabilities. Those from bit 32 on are MariaDB's
// own; they exist only where CapMySQL is clear.
const (
	CapMySQL             uint64 = 1 << 0 // the server is MySQL, not MariaDB
	CapFoundRows         uint64 = 1 << 1 // AffectedRows counts the rows that matched, changed or not
	CapLongFlag          uint64 = 1 << 2
	CapConnectWithDB     uint64 = 1 << 3
	CapLocalFiles        uint64 = 1 << 7
	CapProtocol41        uint64 = 1 << 9
	CapTLS               uint64 = 1 << 11
	CapTransactions      uint64 = 1 << 13
	CapSecureConnection  uint64 = 1 << 15
	CapMultiStatements   uint64 = 1 << 16
	CapMultiResults      uint64 = 1 << 17
	CapPSMultiResults    uint64 = 1 << 18
	CapPluginAuth        uint64 = 1 << 19
	CapConnectAttributes uint64 = 1 << 20
	CapAuthLenenc        uint64 = 1 << 21
	CapSessionTrack      uint64 = 1 << 23
	CapDeprecateEOF      uint64 = 1 << 24
	CapBulk              uint64 = 1 << 34 // COM_STMT_BULK_EXECUTE and statement id -1
	CapExtendedMetadata  uint64 = 1 << 35 // Column.ExtType and ExtFormat
	CapCacheMetadata     uint64 = 1 << 36 // an execution may leave out the columns that the prepare told
	CapBulkUnitResults   uint64 = 1 << 37 // SendBulk may ask for each row's result
)

// Server status, from page ok_packet#server-status-flag.
const (
	StatusInTransaction   uint16 = 1 << 0
	StatusAutocommit      uint16 = 1 << 1
	StatusMoreResults     uint16 = 1 << 3
	StatusNoGoodIndex     uint16 = 1 << 4
	StatusNoIndex         uint16 = 1 << 5
	StatusCursorExists    uint16 = 1 << 6
	StatusLastRowSent     uint16 = 1 << 7
	StatusDatabaseDropped uint16 = 1 << 8
	StatusNoBackslash     uint16 = 1 << 9 // NO_BACKSLASH_ESCAPES is in sql_mode
	StatusMetadataChanged uint16 = 1 << 10
	StatusSlow            uint16 = 1 << 11
	StatusOutParams       uint16 = 1 << 12 // this result set is a procedure's OUT parameters
	StatusInReadOnly      uint16 = 1 << 13 // the transaction is read-only
	StatusSessionState    uint16 = 1 << 14 // the packet tells changes of the session's state
	StatusANSIQuotes      uint16 = 1 << 15
)

// Types of columns and parameters, from page result-set-packets#field-types.
const (
	TypeDecimal    byte = 0x00
	TypeTiny       byte = 0x01
	TypeShort      byte = 0x02
	TypeLong       byte = 0x03
	TypeFloat      byte = 0x04
	TypeDouble     byte = 0x05
	TypeNull       byte = 0x06
	TypeTimestamp  byte = 0x07
	TypeLongLong   byte = 0x08
	TypeInt24      byte = 0x09
	TypeDate       byte = 0x0a
	TypeTime       byte = 0x0b
	TypeDateTime   byte = 0x0c
	TypeYear       byte = 0x0d
	TypeNewDate    byte = 0x0e
	TypeVarchar    byte = 0x0f
	TypeBit        byte = 0x10
	TypeTimestamp2 byte = 0x11
	TypeDateTime2  byte = 0x12
	TypeTime2      byte = 0x13
	TypeJSON       byte = 0xf5 // of MySQL; MariaDB's JSON is text with ExtFormat "json"
	TypeNewDecimal byte = 0xf6
	TypeEnum       byte = 0xf7
	TypeSet        byte = 0xf8
	TypeTinyBlob   byte = 0xf9
	TypeMediumBlob byte = 0xfa
	TypeLongBlob   byte = 0xfb
	TypeBlob       byte = 0xfc
	TypeVarString  byte = 0xfd
	TypeString     byte = 0xfe
	TypeGeometry   byte = 0xff
)

// ParamUnsigned is the flag beside a parameter's type that makes its integer unsigned.
const ParamUnsigned byte = 0x80

// Flags of a column, from page result-set-packets#field-details-flag.
const (
	FlagNotNull       uint16 = 1 << 0
	FlagPrimaryKey    uint16 = 1 << 1
	FlagUniqueKey     uint16 = 1 << 2
	FlagMultipleKey   uint16 = 1 << 3
	FlagBlob          uint16 = 1 << 4
	FlagUnsigned      uint16 = 1 << 5
	FlagZerofill      uint16 = 1 << 6
	FlagBinary        uint16 = 1 << 7
	FlagEnum          uint16 = 1 << 8
	FlagAutoIncrement uint16 = 1 << 9
	FlagTimestamp     uint16 = 1 << 10
	FlagSet           uint16 = 1 << 11
	FlagNumeric       uint16 = 1 << 15
)

// CharsetBinary is the character set of bytes that are no text (and of numbers and times).
const CharsetBinary uint16 = 63

// CollationUTF8MB4 is utf8mb4_general_ci, which every server knows.
const CollationUTF8MB4 byte = 45

// Indicators before each value of a bulk's row, from page com_stmt_bulk_execute.
const (
	BulkValue   byte = 0 // the value follows
	BulkNull    byte = 1
	BulkDefault byte = 2
	BulkIgnore  byte = 3 // an INSERT's default; an UPDATE leaves the column as it is
)

// Commands, the first byte of a packet from the client.
const (
	comQuit            byte = 0x01
	comInitDB          byte = 0x02
	comQuery           byte = 0x03
	comPing            byte = 0x0e
	comStmtPrepare     byte = 0x16
	comStmtExecute     byte = 0x17
	comStmtClose       byte = 0x19
	comStmtReset       byte = 0x1a
	comResetConnection byte = 0x1f
	comStmtBulk        byte = 0xfa
)

// First bytes of a packet from the server.
const (
	replyOK     byte = 0x00
	replyMore   byte = 0x01 // AuthMoreData
	replyInfile byte = 0xfb
	replyEOF    byte = 0xfe // or an OK at the end of rows, or an auth switch
	replyError  byte = 0xff
	maxFrame         = 1<<24 - 1
)
