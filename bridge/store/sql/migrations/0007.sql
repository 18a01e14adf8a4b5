-- The answers to changes that clients of a server have made. A repeated request gets the same answer.
CREATE TABLE answer (
    key BLOB PRIMARY KEY,                     -- the key of the request, 16 random bytes
    request BLOB NOT NULL,                    -- a checksum of the request
    time BIGINT NOT NULL,                     -- milliseconds since 1970 UTC
    body BLOB                                 -- NULL while a change of several transactions is not complete
) WITHOUT ROWID;
CREATE INDEX answer_by_time ON answer (time);

-- The clients that have used the journals of other computers: only the first one may use a journal.
CREATE TABLE sender (
    journal_id TEXT PRIMARY KEY,
    token_id TEXT NOT NULL,                   -- empty if the server had no tokens
    user TEXT NOT NULL                        -- empty if the server did not know the user
) WITHOUT ROWID;
