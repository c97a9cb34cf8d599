-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX stay_guest ON stay (guest);

-- +goose Down
DROP INDEX stay_guest;
