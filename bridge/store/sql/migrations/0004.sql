-- Data of the second format of journals.
-- This migration only adds tables and indexes: a process without write access creates missing tables as temporary ones.

-- When the owner of runs last wrote to its journal, in nanoseconds of its boot-time clock.
CREATE TABLE sign_of_life (
    journal_id TEXT PRIMARY KEY,
    boot_time BIGINT NOT NULL
) WITHOUT ROWID;

-- An index with which runs that wait for a launcher are found.
CREATE INDEX run_by_waiting ON run (status)
    WHERE type = 'azureml.scriptrun' AND status IN ('NotStarted', 'Queued', 'Provisioning', 'Starting');
