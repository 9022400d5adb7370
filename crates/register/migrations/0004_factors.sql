-- The second factor of an account (RFC 6238). To check a code takes the secret itself, so this file is one.
CREATE TABLE totp (
    principal INTEGER PRIMARY KEY REFERENCES principal (id) ON DELETE CASCADE,
    secret    BLOB NOT NULL,
    last_step INTEGER NOT NULL,           -- of the last code that counted: none up to it counts again
    set_at    INTEGER NOT NULL
) STRICT;

-- Codes for when the factor is lost, by digest; a row goes with its use.
CREATE TABLE recovery (
    principal INTEGER NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    digest    BLOB NOT NULL,              -- SHA-256
    made_at   INTEGER NOT NULL,
    PRIMARY KEY (principal, digest)
) STRICT, WITHOUT ROWID;

-- Links that are good once: to make the first administrator's account, or to set an account's password.
CREATE TABLE set_up (
    digest     BLOB PRIMARY KEY,          -- SHA-256
    principal  INTEGER UNIQUE REFERENCES principal (id) ON DELETE CASCADE, -- nobody: makes the first administrator
    made_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL           -- the last moment
) STRICT;
