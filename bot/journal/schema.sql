-- One table of records, in the order they were taken in. Times are market time, UTC milliseconds.
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    body   BLOB    NOT NULL
) STRICT;

-- Start-up and queries read everything but the bulk of prices, so they get an index without it.
CREATE INDEX IF NOT EXISTS record_telling ON record (kind, number)
    WHERE kind NOT IN ('TickerSeen', 'LegSeen', 'WalletSeen', 'AccountRead');
