-- +goose Up
INSERT INTO guest (id, name) VALUES (2, 'Bela');
INSERT INTO nowhere VALUES (1);

-- +goose Down
SELECT 1;
