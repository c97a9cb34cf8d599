package open_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/plinthdb/plinth"
	"github.com/plinthdb/plinth/config"
	"github.com/plinthdb/plinth/integration/servers"
	"github.com/plinthdb/plinth/open"
)

func under(ctx context.Context, url string) context.Context {
	return config.WithOverride(ctx, config.WithURL(url))
}

func database(ctx context.Context, db *plinth.Engine) (string, error) {
	return plinth.One[string](ctx, db, "select current_database()")
}

func TestEachContextReachesItsDatabase(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t)
	var set open.Set
	var urls, names []string
	for range 3 {
		url := server.Database(t)
		c, err := config.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		urls, names = append(urls, url), append(names, c.Database)
	}
	defer func() { // before the databases are dropped
		if err := set.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			err := set.Use(under(t.Context(), urls[i%3]), func(ctx context.Context, db *plinth.Engine) error {
				got, err := database(ctx, db)
				if err == nil && got != names[i%3] {
					t.Errorf("asked for %s, got %s", names[i%3], got)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if st := set.Stats(); st.Opened != 3 || len(st.Targets) != 3 {
		t.Errorf("%+v", st.Counts)
	}
}

func TestAnotherPasswordIsAnotherTarget(t *testing.T) {
	t.Parallel()
	url := servers.Postgres(t).Database(t)
	c, err := config.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	var set open.Set
	defer set.Close(context.WithoutCancel(t.Context()))
	right, err := set.Engine(under(t.Context(), url))
	if err != nil {
		t.Fatal(err)
	}
	c.Password = config.NewSecret("not-the-password")
	wrong := config.WithOverride(t.Context(), config.WithConfig(c))
	_, err = set.Engine(wrong)
	if !errors.Is(err, plinth.ErrAuth) || strings.Contains(err.Error(), "not-the-password") {
		t.Errorf("with a wrong password: %v", err)
	}
	if again, err := set.Engine(under(t.Context(), url)); again != right || err != nil {
		t.Errorf("with the right one: %v", err)
	}
	if _, err := right.Execute(under(t.Context(), servers.Postgres(t).URL()), "select 1"); !errors.Is(err, plinth.ErrArgument) || !strings.Contains(err.Error(), "open.Set") {
		t.Errorf("an engine under another target's context: %v", err)
	}
}
