-- Interned names, one row for each label, facts about each series, the index of searches, and the counter of changes.
-- This migration rewrites the rows of labels, keys and series. It reads no points.

-- The names of labels and series. A row is never changed or deleted, so processes may remember the ids.
CREATE TABLE name (
    id INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL,              -- the experiment of the runs that use the name
    entity INTEGER NOT NULL,                  -- bridge/store/sql/names.py: PARAM, TAG, PROPERTY, SERIES
    key TEXT NOT NULL,
    kind INTEGER NOT NULL DEFAULT 0,          -- of a series: bridge.records.series: SCALAR, COLUMN, …
    "column" TEXT NOT NULL DEFAULT '',        -- of a series: empty, except for the columns of tables
    value_type TEXT NOT NULL DEFAULT '',      -- of a series: number, text
    stamp BIGINT NOT NULL DEFAULT (random()), -- another one if an older state was restored, and the row was stored again
    UNIQUE (experiment, entity, key, kind, "column", value_type)
);

INSERT INTO name (experiment, entity, key)
    SELECT r.experiment, 0, p.key FROM param p JOIN run r ON r.key = p.run GROUP BY r.experiment, p.key;
INSERT INTO name (experiment, entity, key)
    SELECT r.experiment, 1, t.key FROM tag t JOIN run r ON r.key = t.run GROUP BY r.experiment, t.key;
INSERT INTO name (experiment, entity, key)
    SELECT r.experiment, 2, p.key FROM property p JOIN run r ON r.key = p.run GROUP BY r.experiment, p.key;
INSERT INTO name (experiment, entity, key, kind, "column", value_type)
    SELECT r.experiment, 3, m.key, s.kind, s."column", s.value_type
    FROM series s JOIN metric m ON m.id = s.metric JOIN run r ON r.key = m.run
    GROUP BY r.experiment, m.key, s.kind, s."column", s.value_type;
INSERT INTO name (experiment, entity, key, value_type)
    SELECT r.experiment, 3, m.key, 'number' FROM metric m JOIN run r ON r.key = m.run
    WHERE true GROUP BY r.experiment, m.key ON CONFLICT DO NOTHING;

-- The params, tags and properties of runs.
CREATE TABLE label (
    run INTEGER NOT NULL REFERENCES run (key),
    name INTEGER NOT NULL,                    -- of the entity PARAM, TAG or PROPERTY
    number INTEGER NOT NULL,                  -- the order in which the labels of a run were first set
    value TEXT,
    prefix TEXT,                              -- the first 64 characters of the value, or those before a NUL character
    PRIMARY KEY (run, name)
) WITHOUT ROWID;
ALTER TABLE run ADD COLUMN labels BIGINT NOT NULL DEFAULT 0;  -- the next number of a label

INSERT INTO label (run, name, number, value, prefix)
    SELECT l.run, n.id, row_number() OVER (PARTITION BY l.run ORDER BY l.entity, l.id) - 1, l.value,
        substr(l.value, 1, 64)
    FROM (
        SELECT 0 AS entity, id, run, key, value FROM param
        UNION ALL SELECT 1, id, run, key, value FROM tag
        UNION ALL SELECT 2, id, run, key, value FROM property
    ) l
    CROSS JOIN run r ON r.key = l.run
    CROSS JOIN name n ON n.experiment = r.experiment AND n.entity = l.entity AND n.key = l.key
        AND n.kind = 0 AND n."column" = '' AND n.value_type = ''
    ORDER BY l.run, n.id;
UPDATE run SET labels = (SELECT count(*) FROM label l WHERE l.run = run.key);
-- An index of the expression `substr(value, 1, 64)` would not do: SQLite reads the rows of such an index, too.
CREATE INDEX label_by_value ON label (name, prefix, run);
-- The labels whose prefixes end at a NUL character. There are usually none.
CREATE INDEX label_with_nul ON label (name) WHERE instr(value, char(0)) > 0;
DROP TABLE param;
DROP TABLE tag;
DROP TABLE property;

-- The counters of a key of a run, for its series of all kinds together.
CREATE TABLE counter (
    run INTEGER NOT NULL REFERENCES run (key),
    name INTEGER NOT NULL,                    -- the name of the key's series of scalar numbers
    points BIGINT NOT NULL,                   -- the next position
    stepless BIGINT NOT NULL,                 -- the step of the next point that is logged without a step
    PRIMARY KEY (run, name)
) WITHOUT ROWID;

INSERT INTO counter (run, name, points, stepless)
    SELECT m.run, n.id, m.points, m.stepless
    FROM metric m CROSS JOIN run r ON r.key = m.run
    CROSS JOIN name n ON n.experiment = r.experiment AND n.entity = 3 AND n.key = m.key
        AND n.kind = 0 AND n."column" = '' AND n.value_type = 'number'
    ORDER BY m.run, n.id;

-- A series keeps its id, because blocks of points refer to it.
CREATE TABLE new_series (
    id INTEGER NOT NULL UNIQUE,
    run INTEGER NOT NULL REFERENCES run (key),
    name INTEGER NOT NULL,                    -- of the entity SERIES
    all_ints INTEGER NOT NULL,
    latest_step BIGINT NOT NULL,
    latest_timestamp BIGINT NOT NULL,
    latest_value DOUBLE PRECISION,            -- the value that searches compare: NULL for NaN, ±1.797e308 for ±inf
    latest_bits BIGINT,                       -- the 64 bits, where `latest_value` differs: NaN, ±inf and -0.0
    latest_text TEXT,                         -- JSON of the latest value of a text series; else NULL
    prefix TEXT,                              -- the first 64 characters of `latest_text`
    points BIGINT,                            -- the number of stored points; NULL: not counted yet (from schema 4)
    -- The facts of a number series. NaN is skipped, ±inf is kept, and -0.0 is stored as 0.0.
    -- All are NULL if `points` is 1, because they then equal the latest point, if `points` is NULL, or if all values
    -- are NaN. The first point has the least (step, timestamp). Of equal points, the first logged one is meant.
    first_step BIGINT,
    first_timestamp BIGINT,
    first_value DOUBLE PRECISION,
    minimum_step BIGINT,
    minimum_value DOUBLE PRECISION,
    maximum_step BIGINT,
    maximum_value DOUBLE PRECISION,
    indexed DOUBLE PRECISION,                 -- the value in `series_by_value`: NULL if none, +inf for NaN
    hot INTEGER NOT NULL DEFAULT 0,           -- the number of rows in `point_block`; only valid if `points` is not NULL
    PRIMARY KEY (run, name)
) WITHOUT ROWID;

INSERT INTO new_series (
    id, run, name, all_ints, latest_step, latest_timestamp, latest_value, latest_bits, latest_text, prefix,
    indexed
)
    SELECT s.id, m.run, n.id, s.all_ints, coalesce(s.latest_step, 0), coalesce(s.latest_timestamp, 0),
        s.latest_value,
        CASE WHEN s.latest_value IS NULL OR abs(s.latest_value) > 1.79e308 THEN s.latest_bits
            WHEN s.latest_value = 0 THEN nullif(s.latest_bits, 0) END,
        s.latest_text, substr(s.latest_text, 1, 64),
        CASE WHEN s.value_type = 'number' THEN coalesce(s.latest_value, 9e999) END
    FROM series s CROSS JOIN metric m ON m.id = s.metric CROSS JOIN run r ON r.key = m.run
    CROSS JOIN name n ON n.experiment = r.experiment AND n.entity = 3 AND n.key = m.key
        AND n.kind = s.kind AND n."column" = s."column" AND n.value_type = s.value_type
    ORDER BY m.run, n.id;
DROP TABLE series;
DROP TABLE metric;
ALTER TABLE new_series RENAME TO series;
CREATE INDEX series_by_value ON series (name, indexed, run) WHERE indexed IS NOT NULL;
CREATE INDEX series_by_text ON series (name, prefix, run) WHERE prefix IS NOT NULL;
CREATE INDEX series_uncounted ON series (run) WHERE points IS NULL;

-- The runs that have series whose latest value is not in `series_by_value` yet. A search compares these runs itself.
CREATE TABLE waiting (
    run INTEGER PRIMARY KEY REFERENCES run (key),
    since BIGINT NOT NULL,                    -- milliseconds since 1970 UTC
    after INTEGER NOT NULL DEFAULT 0          -- the last name whose series was indexed; the next step goes on after it
);

-- The sealed points of series: compressed chunks (bridge/store/chunks.py), with facts about their points.
-- All positions of a chunk are less than those of later chunks, and than those of the series' rows in point_block.
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series (id),
    codec INTEGER NOT NULL,
    library TEXT NOT NULL,
    points BIGINT NOT NULL,
    first_position BIGINT NOT NULL,
    last_position BIGINT NOT NULL,
    first_step BIGINT NOT NULL,
    last_step BIGINT NOT NULL,
    least_step BIGINT NOT NULL,
    greatest_step BIGINT NOT NULL,
    first_timestamp BIGINT NOT NULL,
    last_timestamp BIGINT NOT NULL,
    least_timestamp BIGINT NOT NULL,
    greatest_timestamp BIGINT NOT NULL,
    first_value DOUBLE PRECISION,             -- NULL for NaN and for texts, like the next four columns
    last_value DOUBLE PRECISION,
    minimum DOUBLE PRECISION,
    maximum DOUBLE PRECISION,
    total DOUBLE PRECISION,                   -- the sum of the finite values
    nans BIGINT NOT NULL,
    infinities BIGINT NOT NULL,
    api INTEGER,                              -- NULL if both APIs logged points of the chunk
    is_increasing INTEGER NOT NULL,
    is_by_step INTEGER NOT NULL,
    positions BLOB,                           -- NULL if the facts contain the column
    steps BLOB,
    timestamps BLOB,
    "values" BLOB NOT NULL,
    apis BLOB
);
CREATE INDEX chunk_by_series ON chunk (series, first_position);

-- The runs that have ended and whose points are not sealed yet.
CREATE TABLE unsealed (
    run INTEGER PRIMARY KEY REFERENCES run (key),
    version BIGINT NOT NULL DEFAULT 0         -- raised when points are stored or the run ends again
);
INSERT INTO unsealed (run) SELECT key FROM run WHERE experiment >= 0;  -- not the hidden runs, which are being purged
CREATE TRIGGER run_has_ended AFTER UPDATE OF status ON run
WHEN NEW.status IN ('Completed', 'Failed', 'Canceled') AND NEW.status IS NOT OLD.status
BEGIN
    INSERT INTO unsealed (run) VALUES (NEW.key) ON CONFLICT (run) DO UPDATE SET version = version + 1;
END;

-- The counter of changes. Each write transaction that changes experiments, runs or artifacts raises it, and stores its
-- new value with the rows that it changed.
CREATE TABLE change (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    value BIGINT NOT NULL
);
INSERT INTO change (id, value) VALUES (1, 0);
ALTER TABLE experiment ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN created BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN files BIGINT NOT NULL DEFAULT 0;    -- the last change of its files
CREATE INDEX run_by_change ON run (experiment, changed);
CREATE INDEX run_by_name ON run (display_name);

-- The newest purged runs and experiments. The row of an experiment has an empty run id.
CREATE TABLE removal (
    id INTEGER PRIMARY KEY,
    changed BIGINT NOT NULL,
    experiment INTEGER NOT NULL,
    run_id TEXT NOT NULL
);
