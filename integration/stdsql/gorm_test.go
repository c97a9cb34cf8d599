package stdsql_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/plinthdb/plinth"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

// Guest, Stay and Tag are models as GORM's own documentation has them.
type Guest struct {
	ID        uint
	Name      string `gorm:"uniqueIndex;not null"`
	Email     *string
	Born      time.Time `gorm:"type:date"`
	Balance   string    `gorm:"type:numeric(12,2)"`
	Active    bool
	Score     float64
	Photo     []byte
	Settings  json.RawMessage   `gorm:"type:json"`
	Extra     map[string]string `gorm:"serializer:json"`
	Stays     []Stay
	Tags      []Tag `gorm:"many2many:guest_tags"`
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt `gorm:"index"`
}

type Stay struct {
	ID      uint
	GuestID uint
	Nights  int `gorm:"check:nights > 0"`
}

type Tag struct {
	ID    uint
	Label string
}

func gormOn(t *testing.T, db *database, config *gorm.Config) *gorm.DB {
	t.Helper()
	config.Logger = logger.Discard
	dialect := postgres.New(postgres.Config{Conn: db.DB})
	if db.engine.Name() == "mariadb" {
		dialect = mysql.New(mysql.Config{Conn: db.DB})
	}
	g, err := gorm.Open(dialect, config)
	ok(t, err)
	ok(t, g.WithContext(t.Context()).AutoMigrate(&Guest{}, &Stay{}, &Tag{}))
	return g.WithContext(t.Context())
}

func newGuest(name string) *Guest {
	email := name + "@example.com"
	return &Guest{
		Name: name, Email: &email, Born: time.Date(1990, 2, 3, 0, 0, 0, 0, time.UTC), Balance: "1234.50", Active: true, Score: 0.1,
		Photo: []byte{0, 1, 0xff}, Settings: json.RawMessage(`{"lang": "de"}`), Extra: map[string]string{"a": "b"},
		Stays: []Stay{{Nights: 2}, {Nights: 3}}, Tags: []Tag{{Label: "regular"}},
	}
}

func TestGORMModels(t *testing.T) {
	for name, config := range map[string]*gorm.Config{
		"default":  {},
		"prepared": {PrepareStmt: true},
		"quick":    {SkipDefaultTransaction: true},
	} {
		t.Run(name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, db *database) { useGORMModels(t, db, *config) })
		})
	}
}

func useGORMModels(t *testing.T, db *database, config gorm.Config) {
	g := gormOn(t, db, &config)
	anna := newGuest("Anna")
	ok(t, g.Create(anna).Error)
	if anna.ID == 0 || anna.Stays[1].ID == 0 {
		t.Errorf("no ids: %+v", anna)
	}
	ok(t, g.Create([]*Guest{newGuest("Bela"), newGuest("Carl")}).Error)

	var got Guest
	ok(t, g.Preload(clause.Associations).First(&got, "name = ?", "Anna").Error)
	if !got.CreatedAt.Equal(anna.CreatedAt.Truncate(time.Microsecond)) && time.Since(got.CreatedAt) > time.Minute {
		t.Errorf("created at %s, want %s", got.CreatedAt, anna.CreatedAt)
	}
	want := *anna
	want.CreatedAt, want.UpdatedAt = got.CreatedAt, got.UpdatedAt
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v, wrote\n%+v", got, want)
	}

	ok(t, g.Model(&got).Updates(map[string]any{"balance": "0.01", "email": nil, "active": false}).Error)
	var again Guest
	ok(t, g.First(&again, got.ID).Error)
	if again.Balance != "0.01" || again.Email != nil || again.Active {
		t.Errorf("after Updates: %+v", again)
	}

	var names []string
	ok(t, g.Model(&Guest{}).Where("id IN ?", []uint{1, 2}).Order("name").Pluck("name", &names).Error)
	if !reflect.DeepEqual(names, []string{"Anna", "Bela"}) {
		t.Errorf("names %v", names)
	}
	var count int64
	ok(t, g.Model(&Guest{}).Where(db.in("settings ->> 'lang' = @lang", "json_value(settings, '$.lang') = @lang"), map[string]any{"lang": "de"}).Count(&count).Error)
	if count != 3 {
		t.Errorf("%d guests, want 3", count)
	}
	var asMap map[string]any
	ok(t, g.Model(&Guest{}).Select("id", "name", "active", "score", "born").Take(&asMap, "name = 'Bela'").Error)
	if asMap["name"] != "Bela" || asMap["active"] != true || asMap["score"] != 0.1 || !asMap["born"].(time.Time).Equal(anna.Born) {
		t.Errorf("as a map: %#v", asMap)
	}

	ok(t, g.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "name"}}, DoUpdates: clause.AssignmentColumns([]string{"balance"})}).
		Omit(clause.Associations).Create(&Guest{Name: "Bela", Balance: "7.00"}).Error)
	if balance := one[string](t, db, "SELECT balance FROM guests WHERE name = 'Bela'"); balance != "7.00" {
		t.Errorf("balance %s after the upsert", balance)
	}
	ok(t, g.Delete(&got).Error)
	if err := g.First(&Guest{}, got.ID).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
		t.Errorf("a deleted guest: %v", err)
	}
	rows := 0
	ok(t, g.Model(&Guest{}).FindInBatches(&[]Guest{}, 1, func(tx *gorm.DB, _ int) error {
		rows += int(tx.RowsAffected)
		return nil
	}).Error)
	if rows != 2 {
		t.Errorf("%d rows in batches, want 2", rows)
	}
}

func TestGORMMigratesAgainAndFurther(t *testing.T) { eachServer(t, migrateGORM) }

func migrateGORM(t *testing.T, db *database) {
	g := gormOn(t, db, &gorm.Config{})
	ok(t, g.AutoMigrate(&Guest{}, &Stay{}, &Tag{})) // asks for the types of all columns
	type Tag struct {
		ID    uint
		Label string `gorm:"size:100;index"`
		Color string `gorm:"default:red"`
	}
	ok(t, g.AutoMigrate(&Tag{}))
	ok(t, g.Create(&Tag{Label: "x"}).Error)
	var tag Tag
	ok(t, g.Take(&tag).Error)
	if tag.Color != "red" {
		t.Errorf("%+v", tag)
	}
	types, err := g.Migrator().ColumnTypes(&Guest{})
	ok(t, err)
	for _, c := range types {
		if c.DatabaseTypeName() == "" {
			t.Errorf("column %s has no type", c.Name())
		}
	}
}

func TestGORMTransactionsNest(t *testing.T) { eachServer(t, nestGORMTransactions) }

func nestGORMTransactions(t *testing.T, db *database) {
	g := gormOn(t, db, &gorm.Config{})
	refused := errors.New("refused")
	ok(t, g.Transaction(func(tx *gorm.DB) error {
		ok(t, tx.Create(&Guest{Name: "kept", Balance: "0"}).Error)
		err := tx.Transaction(func(tx *gorm.DB) error {
			ok(t, tx.Create(&Guest{Name: "undone", Balance: "0"}).Error)
			return refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("%v, want the function's error", err)
		}
		// A statement that fails ends PostgreSQL's transaction, but not beyond the savepoint.
		err = tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&Guest{Name: "kept", Balance: "0"}).Error })
		if !errors.Is(err, plinth.ErrUnique) {
			t.Errorf("%v, want ErrUnique", err)
		}
		return tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&Guest{Name: "kept, too", Balance: "0"}).Error })
	}))
	if n := one[int](t, db, "SELECT count(*) FROM guests"); n != 2 {
		t.Errorf("%d guests, want the two that were kept", n)
	}
	err := g.Transaction(func(tx *gorm.DB) error {
		ok(t, tx.Create(&Guest{Name: "gone", Balance: "0"}).Error)
		return refused
	})
	if n := one[int](t, db, "SELECT count(*) FROM guests"); n != 2 || !errors.Is(err, refused) {
		t.Errorf("%d guests and %v after a transaction that was refused", n, err)
	}
}

func TestGORMTranslatesErrors(t *testing.T) { eachServer(t, translateGORMErrors) }

// translateGORMErrors holds GORM to its own errors where it can find them: on MySQL it looks for those of go-sql-driver, and so
// hands out Plinth's as they are.
func translateGORMErrors(t *testing.T, db *database) {
	g := gormOn(t, db, &gorm.Config{TranslateError: true})
	translated := db.engine.Name() == "postgres"
	ok(t, g.Create(newGuest("Anna")).Error)
	for _, c := range []struct {
		err          error
		gorm, plinth error
	}{
		{g.Create(newGuest("Anna")).Error, gorm.ErrDuplicatedKey, plinth.ErrUnique},
		{g.Create(&Stay{GuestID: 99, Nights: 1}).Error, gorm.ErrForeignKeyViolated, plinth.ErrForeignKey},
		{g.Create(&Stay{GuestID: 1}).Error, gorm.ErrCheckConstraintViolated, plinth.ErrCheck},
	} {
		if translated && !errors.Is(c.err, c.gorm) || !translated && !errors.Is(c.err, c.plinth) {
			t.Errorf("%v, want %v or %v", c.err, c.gorm, c.plinth)
		}
	}
}
