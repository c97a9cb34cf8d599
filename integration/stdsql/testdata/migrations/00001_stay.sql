-- +goose Up
CREATE TABLE guest (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE stay (
    id INTEGER PRIMARY KEY,
    guest INTEGER NOT NULL REFERENCES guest (id),
    nights INTEGER NOT NULL CHECK (nights > 0)
);
INSERT INTO guest (id, name) VALUES (1, 'Anna; who came first');

-- +goose Down
DROP TABLE stay;
DROP TABLE guest;
