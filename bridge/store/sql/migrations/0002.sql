-- Submitted runs, and the leases that name the owners of runs.

ALTER TABLE run ADD COLUMN type TEXT;
ALTER TABLE run ADD COLUMN definition TEXT;   -- the script that the launcher runs, as JSON

-- The leases of runs that have not ended. `time` is the time of the newest lease record.
CREATE TABLE lease (
    run INTEGER PRIMARY KEY REFERENCES run (key),
    journal_id TEXT NOT NULL,                 -- the journal of the owner
    time BIGINT NOT NULL
);
CREATE INDEX lease_by_journal ON lease (journal_id);
