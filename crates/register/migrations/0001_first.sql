-- Who is known here, by what they are recognised, and what they may do. Nothing of this can be made again from files.
-- Moments are seconds of Unix time. Of secrets only digests are kept.

-- Somebody, or some machine.
CREATE TABLE principal (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind      TEXT NOT NULL CHECK (kind IN ('account', 'token', 'aet')),
    name      TEXT NOT NULL,
    custodian TEXT NOT NULL,              -- whose holdings its stores become
    disabled  INTEGER NOT NULL DEFAULT 0,
    made_at   INTEGER NOT NULL,
    UNIQUE (kind, name)
) STRICT;

-- What a service shows; two at once while one takes the other's place.
CREATE TABLE token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    principal  INTEGER NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    digest     BLOB NOT NULL UNIQUE,      -- SHA-256
    made_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL           -- the last moment
) STRICT;
CREATE INDEX token_of ON token (principal);

-- The client certificate that an AE title is bound to; a title without a row here only stores.
CREATE TABLE certificate (
    principal   INTEGER PRIMARY KEY REFERENCES principal (id) ON DELETE CASCADE,
    fingerprint BLOB NOT NULL             -- SHA-256 of the DER
) STRICT;

-- A password's argon2id hash with all that made it.
CREATE TABLE password (
    principal INTEGER PRIMARY KEY REFERENCES principal (id) ON DELETE CASCADE,
    memory    INTEGER NOT NULL,           -- KiB
    passes    INTEGER NOT NULL,
    lanes     INTEGER NOT NULL,
    salt      BLOB NOT NULL,
    hash      BLOB NOT NULL,
    set_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE given (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    principal INTEGER NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    role      TEXT NOT NULL,
    target    TEXT NOT NULL,              -- everything, custodian:NAME, holding:CUSTODIAN/STUDY, case:ID
    until     INTEGER,                    -- the last moment
    made_at   INTEGER NOT NULL,
    UNIQUE (principal, role, target)
) STRICT;

-- What a case holds.
CREATE TABLE case_holding (
    case_id   TEXT NOT NULL,
    custodian TEXT NOT NULL,
    study     TEXT NOT NULL,
    PRIMARY KEY (case_id, custodian, study)
) STRICT, WITHOUT ROWID;
