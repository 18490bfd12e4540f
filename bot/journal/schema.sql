-- One table of records, in the order they were taken in. Times are market time, UTC milliseconds.
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    body   BLOB    NOT NULL
) STRICT;

-- Queries ask for a few kinds, newest first or since a moment; pruning asks for the bulk before one.
CREATE INDEX IF NOT EXISTS record_by_kind ON record (kind, at_ms);
