-- Runs that a launcher owns, and who speaks for a run that is under way.

ALTER TABLE run ADD COLUMN type TEXT;
ALTER TABLE run ADD COLUMN definition TEXT;   -- the JSON of what a launcher runs

-- The owner of a run that is under way, and when it last spoke.
CREATE TABLE lease (
    run INTEGER PRIMARY KEY REFERENCES run (key),
    journal_id TEXT NOT NULL,                 -- the owner's journal: when that has ended, so has the owner
    time BIGINT NOT NULL
);
CREATE INDEX lease_by_journal ON lease (journal_id);
