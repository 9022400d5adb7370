-- What is taken out of sight, and what is known about it afterwards.

-- One deletion: who asked, when, why, for what. It stays when the bytes are gone.
CREATE TABLE removal (
    sequence  INTEGER PRIMARY KEY,  -- its place among stores; names its file in removed/
    at        INTEGER NOT NULL,     -- Unix time in milliseconds
    custodian INTEGER NOT NULL REFERENCES custodian (id),
    principal TEXT NOT NULL,
    source    TEXT NOT NULL,
    reason    TEXT NOT NULL,
    study     TEXT NOT NULL,
    series    TEXT,
    instance  TEXT,
    instances INTEGER NOT NULL,     -- versions counted
    bytes     INTEGER NOT NULL
) STRICT;

-- One row for each version that was deleted.
CREATE TABLE removed (
    sequence  INTEGER PRIMARY KEY,  -- the instance's own; no instance has it any more
    removal   INTEGER NOT NULL REFERENCES removal (sequence),
    custodian INTEGER NOT NULL REFERENCES custodian (id),
    study     TEXT NOT NULL,
    series    TEXT NOT NULL,
    uid       TEXT NOT NULL,
    version   INTEGER NOT NULL,
    digest    BLOB NOT NULL,
    spool     TEXT,                 -- where its bytes were, when they were not placed
    purged    INTEGER NOT NULL
) STRICT;
CREATE INDEX removed_uid ON removed (study, series, uid);
CREATE INDEX removed_unpurged ON removed (sequence) WHERE purged = 0;

-- Rejection notes (IHE RAD IOCM) that are in force, and the instances that they hide, which may not be here yet.
CREATE TABLE note (
    instance  INTEGER PRIMARY KEY REFERENCES instance (id),
    reason    TEXT NOT NULL         -- code value of its title
) STRICT;
CREATE TABLE rejected (
    uid       TEXT NOT NULL,
    custodian INTEGER NOT NULL REFERENCES custodian (id),
    note      INTEGER NOT NULL REFERENCES note (instance),
    PRIMARY KEY (uid, custodian, note)
) STRICT, WITHOUT ROWID;
CREATE INDEX rejected_note ON rejected (note);

-- Instances whose bytes failed a check: not served until the same bytes come again.
CREATE TABLE damaged (
    instance INTEGER PRIMARY KEY REFERENCES instance (id),
    at       INTEGER NOT NULL,
    why      TEXT NOT NULL
) STRICT;

-- Studies and series whose first instance changed: their attributes are to be taken from it anew.
CREATE TABLE stale (
    study  INTEGER NOT NULL REFERENCES study (id),
    series INTEGER NOT NULL,        -- 0: the study itself
    PRIMARY KEY (study, series)
) STRICT, WITHOUT ROWID;

-- Storage commitment requests (PS3.18 13) and what became of them.
CREATE TABLE commitment (
    id          INTEGER PRIMARY KEY,
    principal   TEXT NOT NULL,
    transaction_uid TEXT NOT NULL,
    at          INTEGER NOT NULL,
    request     BLOB NOT NULL,
    done_at     INTEGER,
    result      BLOB
) STRICT;
CREATE UNIQUE INDEX commitment_uid ON commitment (principal, transaction_uid);
CREATE INDEX commitment_age ON commitment (at);
