package servers_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/plinthdb/plinth/integration/servers"
)

// mongoDatabase opens the database that a URL names.
func mongoDatabase(t *testing.T, url string) *mongo.Database {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) }) // the server may have ended
	c, err := connstring.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return client.Database(c.Database)
}

func TestFerretDBHasADatabaseForEachTest(t *testing.T) {
	s := servers.FerretDB(t)
	if !strings.HasPrefix(s.Version(), "FerretDB v1.24.") || s != servers.FerretDB(t) {
		t.Errorf("%s, or not shared", s.Version())
	}
	var urls []string
	for range 2 {
		t.Run("test", func(t *testing.T) {
			url := s.Database(t)
			things := mongoDatabase(t, url).Collection("things")
			if n, err := things.CountDocuments(t.Context(), bson.D{}); err != nil || n != 0 {
				t.Errorf("%d documents in a new database: %v", n, err)
			}
			if _, err := things.InsertOne(t.Context(), bson.D{{Key: "n", Value: 1}}); err != nil {
				t.Error(err)
			}
			urls = append(urls, url)
		})
	}
	if len(urls) == 2 && urls[0] == urls[1] {
		t.Error("one database for two tests")
	}
	names, err := mongoDatabase(t, s.URL()).Client().ListDatabaseNames(t.Context(), bson.D{})
	if err != nil || len(names) != 0 {
		t.Errorf("databases left: %v %v", names, err)
	}
}

func TestADurableFerretDBKeepsItsDataWhenKilled(t *testing.T) {
	s := servers.FerretDB(t, servers.Private(), servers.Durable(), servers.WithCert(servers.CertGood))
	things := mongoDatabase(t, s.Database(t)).Collection("things")
	if _, err := things.InsertOne(t.Context(), bson.D{{Key: "n", Value: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if s.Running() {
		t.Error("it runs after Kill")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	// The driver's own retries find the new process.
	if n, err := things.CountDocuments(t.Context(), bson.D{}); err != nil || n != 1 {
		t.Errorf("%d documents, %v", n, err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.CA()); err != nil {
		t.Error(err)
	}
}
