-- Permanent deletion of runs, in several transactions.

-- The experiment of hidden runs, which are purged, but whose rows are not all removed yet. -1 is not a valid id.
INSERT INTO experiment (id, name, stage, creation_time, last_update_time) VALUES (-1, '', 'deleted', 0, 0);

-- The contexts in which purged runs used the data sets of an experiment.
CREATE TABLE past_use (
    id INTEGER PRIMARY KEY,
    dataset INTEGER NOT NULL REFERENCES dataset (id),
    context TEXT
);
CREATE INDEX past_use_by_dataset ON past_use (dataset);

-- Indexes with which a purge finds the rows that refer to a removed row.
CREATE INDEX dataset_input_by_dataset ON dataset_input (dataset);
CREATE INDEX model_output_by_run ON model_output (run);
