-- When a server last received something from a process whose journal is on another computer.
-- In milliseconds since 1970 UTC, by the clock of the server; 0 for a journal in the folder of the workspace.
ALTER TABLE sign_of_life ADD COLUMN delivered BIGINT NOT NULL DEFAULT 0;
