-- The first schema: everything in a workspace, except the bytes of artifacts.
-- Times are milliseconds since 1970 UTC. Other tables refer to a run by its `key`, a small integer.

CREATE TABLE workspace (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE experiment (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    stage TEXT NOT NULL,
    creation_time BIGINT NOT NULL,
    last_update_time BIGINT NOT NULL,
    artifact_location TEXT,
    runs BIGINT NOT NULL DEFAULT 0            -- the greatest run number
);

CREATE TABLE experiment_tag (
    id INTEGER PRIMARY KEY,                   -- the order in which keys were first set, also in the tables below
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    key TEXT NOT NULL,
    value TEXT,
    UNIQUE (experiment, key)
);

CREATE TABLE run (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    number BIGINT NOT NULL,
    display_name TEXT NOT NULL,
    status TEXT NOT NULL,
    stage TEXT NOT NULL,
    start_time BIGINT,
    end_time BIGINT,
    deletion_time BIGINT,
    description TEXT,
    "user" TEXT NOT NULL,
    parent_id TEXT,
    error TEXT
);
CREATE INDEX run_by_start ON run (experiment, stage, start_time DESC, id);
CREATE INDEX run_by_parent ON run (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE param (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (key),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (run, key)
);

CREATE TABLE tag (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (key),
    key TEXT NOT NULL,
    value TEXT,
    UNIQUE (run, key)
);

CREATE TABLE property (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (key),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (run, key)
);

CREATE TABLE warning (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (key),
    sentence TEXT NOT NULL,
    UNIQUE (run, sentence)
);

CREATE TABLE dataset (
    id INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    UNIQUE (experiment, name, digest)
);

CREATE TABLE dataset_input (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (key),
    dataset INTEGER NOT NULL REFERENCES dataset (id),
    tags TEXT NOT NULL,                       -- a JSON object of texts
    context TEXT,                             -- the value of the tag mlflow.data.context, for searches
    UNIQUE (run, dataset)
);

CREATE TABLE model_input (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (key),
    model_id TEXT NOT NULL,
    UNIQUE (run, model_id)
);

CREATE TABLE model_output (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (key),
    model_id TEXT NOT NULL,
    step BIGINT NOT NULL
);

-- The keys of runs. The counters of a key are for its series of all kinds together.
CREATE TABLE metric (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (key),
    key TEXT NOT NULL,
    points BIGINT NOT NULL DEFAULT 0,         -- the next position
    stepless BIGINT NOT NULL DEFAULT 0,       -- the step of the next point that is logged without a step
    UNIQUE (run, key)
);

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    metric INTEGER NOT NULL REFERENCES metric (id),
    kind INTEGER NOT NULL,                    -- bridge.records.series: SCALAR, COLUMN, …
    "column" TEXT NOT NULL,                   -- empty, except for the columns of tables
    value_type TEXT NOT NULL,                 -- number, text
    all_ints INTEGER NOT NULL DEFAULT 1,
    latest_step BIGINT,
    latest_timestamp BIGINT,
    latest_bits BIGINT,                       -- the float64's 64 bits, as a signed integer
    latest_value DOUBLE PRECISION,            -- the value that searches compare: NULL for NaN, ±1.797e308 for ±inf
    latest_text TEXT,                         -- JSON: a text, true, false or null
    UNIQUE (metric, kind, "column", value_type)
);

-- The points of one series that one fold stored. Each column is an array of little-endian 64-bit values, except that
-- `doors` has one byte for each point (the API: native or MLflow), and that text values are a JSON list.
CREATE TABLE point_block (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series (id),
    points BIGINT NOT NULL,
    positions BLOB NOT NULL,
    steps BLOB NOT NULL,
    timestamps BLOB NOT NULL,
    "values" BLOB NOT NULL,
    doors BLOB NOT NULL
);
CREATE INDEX point_block_by_series ON point_block (series);

-- The receipts: the byte offset up to which each journal is stored.
CREATE TABLE receipt (
    journal_id TEXT PRIMARY KEY,
    stored BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE artifact (
    root TEXT NOT NULL,                       -- a path below the workspace's artifacts folder
    path TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT,
    time BIGINT NOT NULL,
    PRIMARY KEY (root, path)
) WITHOUT ROWID;
