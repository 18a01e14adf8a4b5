-- What came with the second format of journals.
-- New tables alone: a reader that may not write makes what an older database lacks as temporary tables.

-- When the owner of runs last wrote to its journal, in nanoseconds by its boot clock.
CREATE TABLE sign_of_life (
    journal_id TEXT PRIMARY KEY,
    boot_time BIGINT NOT NULL
) WITHOUT ROWID;

-- So that runs that wait for a launcher are found among all runs.
CREATE INDEX run_by_waiting ON run (status)
    WHERE type = 'azureml.scriptrun' AND status IN ('NotStarted', 'Queued', 'Provisioning', 'Starting');
