package config_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/plinthdb/plinth/config"
)

// environment stands for the process's, which examples can't set.
func environment(name string) (string, bool) {
	url, ok := map[string]string{
		"DATABASE_URL":        "postgres://app:s3cret@db.internal/shop?sslmode=verify-full&slow_threshold=500ms",
		"ORDERS_DATABASE_URL": "sqlite:///var/lib/orders.db",
	}[name]
	return url, ok
}

func ExampleLoad() {
	// In a program this is config.Load(ctx): DATABASE_URL is all that it needs.
	c, err := config.Load(context.Background(),
		config.WithEnviron(environment),
		config.With(func(c *config.Config) { c.MaxOpenConns = 20 }))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c)
	for _, v := range c.Explain() {
		if v.Source != "default" {
			fmt.Printf("%-15s %-15s %s\n", v.Key, v.Value, v.Source)
		}
	}
	// Output:
	// postgres://app:*****@db.internal:5432/shop
	// engine          postgres        environment DATABASE_URL
	// host            db.internal     environment DATABASE_URL
	// database        shop            environment DATABASE_URL
	// user            app             environment DATABASE_URL
	// password        [redacted]      environment DATABASE_URL
	// sslmode         verify-full     environment DATABASE_URL
	// max_open_conns  20              argument
	// slow_threshold  500ms           environment DATABASE_URL
}

func ExampleLoad_problems() {
	_, err := config.Load(context.Background(), config.WithURL("sqlite:app.db?jurnal_mode=wal&synchronous=fast&timeout=5"))
	fmt.Println(err)
	// Output:
	// config: jurnal_mode (from argument): isn't a parameter of an SQLite URL; did you mean journal_mode?
	// config: synchronous (from argument): has a wrong value; one of off, normal, full, extra
	// config: timeout (from argument): has no unit; write 5s, 200ms or 1h30m
}

func ExampleWithName() {
	c, err := config.Load(context.Background(), config.WithEnviron(environment), config.WithName("orders"))
	fmt.Println(c, err)
	// Output: sqlite:///var/lib/orders.db <nil>
}

// What is get_config_dict in the described system.
func ExampleConfig_Map() {
	c, err := config.Parse("mariadb://app:s3cret@db.internal:3307/shop?charset=utf8mb4&timeout=5s")
	if err != nil {
		fmt.Println(err)
		return
	}
	dict := c.Map()
	fmt.Println(dict)
	fmt.Println(dict["timeout"].(time.Duration) == 5*time.Second, dict["password"].(config.Secret).Reveal())
	// Output:
	// map[database:shop engine:mariadb host:db.internal params:map[charset:utf8mb4] password:[redacted] port:3307 timeout:5s user:app]
	// true s3cret
}

// One function, under two tenants' contexts.
func ExampleWithOverride() {
	describe := func(ctx context.Context) {
		c, err := config.FromContext(ctx)
		fmt.Println(c, c.Timeout, err)
	}
	ctx := config.WithOverride(context.Background(), config.WithURL("sqlite:acme.db?timeout=5s"))
	describe(ctx)
	describe(config.WithOverride(ctx, config.With(func(c *config.Config) { c.Timeout = time.Minute }))) // nests
	describe(config.WithOverride(ctx, config.WithURL("sqlite:globex.db")))
	describe(ctx) // untouched
	// Output:
	// sqlite:acme.db 5s <nil>
	// sqlite:acme.db 1m0s <nil>
	// sqlite:globex.db 5s <nil>
	// sqlite:acme.db 5s <nil>
}

// The described use_thread_config().get_config_dict().
func ExampleFromContext() {
	ctx := config.WithOverride(context.Background(), config.WithURL("sqlite:acme.db"))
	c, err := config.FromContext(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	dict := c.Map()
	fmt.Println(dict["engine"], dict["database"], dict["slow_threshold"])
	// Output: sqlite acme.db 200ms
}

func ExampleWatch() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "plinth.yaml")
	write := func(text string) { _ = os.WriteFile(file, []byte(text), 0o600) }
	write("development: {primary: {url: 'sqlite:shop.db', max_open_conns: 5}}")

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	told := make(chan bool)
	c, err := config.Watch(ctx, func(c config.Config, err error) {
		if err != nil {
			fmt.Println("the old one stays, for the file is broken:", strings.ReplaceAll(err.Error(), dir, ""))
		} else {
			fmt.Println("now:", c, c.MaxOpenConns)
		}
		told <- true
	}, config.WithFile(file))
	fmt.Println(c, c.MaxOpenConns, err)

	write("development: {primary: {url: 'sqlite:shop.db', max_open_cons: 20}}")
	<-told
	write("development: {primary: {url: 'sqlite:shop.db', max_open_conns: 20}}")
	<-told
	// Output:
	// sqlite:shop.db 5 <nil>
	// the old one stays, for the file is broken: config: max_open_cons (from file /plinth.yaml:1:48): isn't a key of a database; did you mean max_open_conns?
	// now: sqlite:shop.db 20
}

func ExampleParse() {
	c, err := config.Parse("postgres://app:p%40ss%2Fword@db1:5432,db2/shop?application_name=cart")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c)
	fmt.Println(c.Addresses(), c.Password, c.Password.Reveal())
	fmt.Println(c.URL().Reveal())
	// Output:
	// postgres://app:*****@db1:5432,db2/shop
	// [db1:5432 db2] [redacted] p@ss/word
	// postgres://app:p%40ss%2Fword@db1:5432,db2/shop?application_name=cart
}

func ExampleConfig_Pragmas() {
	c, err := config.Parse("sqlite:app.db?journal_mode=WAL&_pragma=foreign_keys(1)&busy_timeout=5s&cache_size=64MB")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.SQLiteURI())
	for name, value := range c.Pragmas() {
		fmt.Println("PRAGMA", name, "=", value)
	}
	// Output:
	// file:app.db
	// PRAGMA busy_timeout = 5000
	// PRAGMA journal_mode = wal
	// PRAGMA foreign_keys = on
	// PRAGMA cache_size = -65536
}

func ExampleSecret() {
	s := config.NewSecret("s3cret")
	fmt.Printf("%v %s %x %q %#v %+v\n", s, s, s, s, s, struct{ password config.Secret }{s}.password)
	fmt.Println(s.Reveal())
	// Output:
	// [redacted] [redacted] [redacted] "[redacted]" "[redacted]" [redacted]
	// s3cret
}

func ExampleParams() {
	p := config.Params{}.Set("sslmode", "require").Set("sslpassword", "s3cret")
	fmt.Println(p)
	keys := []string{}
	for key := range p.All() {
		keys = append(keys, key)
	}
	fmt.Println(slices.Sorted(slices.Values(keys)))
	// Output:
	// sslmode=require&sslpassword=[redacted]
	// [sslmode sslpassword]
}
