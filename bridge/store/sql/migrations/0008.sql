-- When a client has last used a journal, so that journals without use for long can be forgotten.
ALTER TABLE sender ADD COLUMN used BIGINT NOT NULL DEFAULT 0;   -- milliseconds since 1970 UTC, exact to a day
UPDATE sender SET used = CAST(strftime('%s', 'now') AS INTEGER) * 1000;
CREATE INDEX sender_by_use ON sender (used);
