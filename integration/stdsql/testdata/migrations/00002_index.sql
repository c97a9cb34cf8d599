-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX stay_nights ON stay (nights);

-- +goose Down
DROP INDEX stay_nights;
