-- Runs that are deleted for good, in slices.

-- Where the runs wait of which not everything is removed yet: no id that can be asked for leads to it, nor to them.
INSERT INTO experiment (id, name, stage, creation_time, last_update_time) VALUES (-1, '', 'deleted', 0, 0);

-- In which contexts runs that are gone had used a data set: what an experiment used stays known.
CREATE TABLE past_use (
    id INTEGER PRIMARY KEY,
    dataset INTEGER NOT NULL REFERENCES dataset (id),
    context TEXT
);
CREATE INDEX past_use_by_dataset ON past_use (dataset);

-- So that a removal finds what refers to what it removes.
CREATE INDEX dataset_input_by_dataset ON dataset_input (dataset);
CREATE INDEX model_output_by_run ON model_output (run);
