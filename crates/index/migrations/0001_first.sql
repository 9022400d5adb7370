-- The first schema. Texts of people's entries are UTF-8 and trimmed; names are folded and normalised
-- (model::person_name::key). "rank" is a number to order by, 0 where the data set has none.

CREATE TABLE custodian (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    -- Kept by every write, so that no search and no metric counts.
    studies   INTEGER NOT NULL DEFAULT 0,
    series    INTEGER NOT NULL DEFAULT 0,
    instances INTEGER NOT NULL DEFAULT 0
) STRICT;

-- SOP classes and transfer syntaxes, once each.
CREATE TABLE term (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

-- A study as held by one custodian.
CREATE TABLE study (
    id                    INTEGER PRIMARY KEY,
    custodian             INTEGER NOT NULL REFERENCES custodian (id),
    uid                   TEXT NOT NULL,
    -- Date and time of day in one number (src/sqlite/moment.rs).
    moment                INTEGER NOT NULL,
    -- Whether a current version of some instance is in it.
    visible               INTEGER NOT NULL,
    -- Whether instances of two patients arrived in it.
    two_patients          INTEGER NOT NULL DEFAULT 0,
    series_count          INTEGER NOT NULL DEFAULT 0,
    instance_count        INTEGER NOT NULL DEFAULT 0,
    modalities            TEXT NOT NULL DEFAULT '',  -- sorted, a backslash between them
    accession             TEXT NOT NULL,
    patient_id            TEXT NOT NULL,
    issuer                TEXT NOT NULL,
    patient_name          TEXT NOT NULL,
    patient_name_second   TEXT NOT NULL,             -- ideographic group
    patient_name_third    TEXT NOT NULL,             -- phonetic group
    birth_date            TEXT NOT NULL,
    sex                   TEXT NOT NULL,
    referring             TEXT NOT NULL,
    referring_second      TEXT NOT NULL,
    referring_third       TEXT NOT NULL,
    study_id              TEXT NOT NULL,
    description           TEXT NOT NULL,
    institution           TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX study_uid ON study (uid, custodian);
CREATE INDEX study_newest ON study (moment, id, custodian) WHERE visible = 1;
CREATE INDEX study_of_custodian ON study (custodian, moment, id) WHERE visible = 1;

-- What search answers return of a study: DICOM JSON.
CREATE TABLE study_answer (
    study      INTEGER PRIMARY KEY REFERENCES study (id),
    attributes BLOB NOT NULL
) STRICT;

-- Every value by which visible studies are looked up, newest last within a value (src/sqlite/key.rs).
CREATE TABLE study_key (
    kind      INTEGER NOT NULL,
    value     TEXT NOT NULL,
    moment    INTEGER NOT NULL,
    study     INTEGER NOT NULL REFERENCES study (id),
    custodian INTEGER NOT NULL,
    PRIMARY KEY (kind, value, moment, study)
) STRICT, WITHOUT ROWID;

CREATE TABLE series (
    id             INTEGER PRIMARY KEY,
    study          INTEGER NOT NULL REFERENCES study (id),
    uid            TEXT NOT NULL,
    visible        INTEGER NOT NULL,
    rank           INTEGER NOT NULL,
    number         INTEGER,
    instance_count INTEGER NOT NULL DEFAULT 0,
    modality       TEXT NOT NULL,
    description    TEXT NOT NULL,
    body_part      TEXT NOT NULL,
    performed_date TEXT NOT NULL,
    performed_time TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX series_uid ON series (uid, study);
CREATE INDEX series_order ON series (study, rank) WHERE visible = 1;
CREATE INDEX series_performed ON series (performed_date, study) WHERE visible = 1 AND performed_date <> '';

CREATE TABLE series_answer (
    series     INTEGER PRIMARY KEY REFERENCES series (id),
    attributes BLOB NOT NULL
) STRICT;

-- One row for each item of (0040,0275).
CREATE TABLE series_request (
    series    INTEGER NOT NULL REFERENCES series (id),
    item      INTEGER NOT NULL,
    step      TEXT NOT NULL,
    requested TEXT NOT NULL,
    PRIMARY KEY (series, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX series_request_step ON series_request (step, series) WHERE step <> '';
CREATE INDEX series_request_requested ON series_request (requested, series) WHERE requested <> '';

-- The SOP classes that occur in a series.
CREATE TABLE series_class (
    sop_class INTEGER NOT NULL REFERENCES term (id),
    series    INTEGER NOT NULL REFERENCES series (id),
    PRIMARY KEY (sop_class, series)
) STRICT, WITHOUT ROWID;

-- One row for each version of an instance; small, and written once.
CREATE TABLE instance (
    id              INTEGER PRIMARY KEY,
    custodian       INTEGER NOT NULL REFERENCES custodian (id),
    study           INTEGER NOT NULL REFERENCES study (id),
    series          INTEGER NOT NULL REFERENCES series (id),
    uid             TEXT NOT NULL,
    version         INTEGER NOT NULL,
    current         INTEGER NOT NULL,
    rank            INTEGER NOT NULL,
    number          INTEGER,
    sop_class       INTEGER NOT NULL REFERENCES term (id),
    transfer_syntax INTEGER NOT NULL REFERENCES term (id),
    sequence        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX instance_uid ON instance (uid, custodian, version);
CREATE UNIQUE INDEX instance_sequence ON instance (sequence);
CREATE INDEX instance_order ON instance (study, series, rank) WHERE current = 1;
CREATE INDEX instance_other ON instance (study, series) WHERE current = 0;

-- What readers of bytes need.
CREATE TABLE detail (
    instance    INTEGER PRIMARY KEY REFERENCES instance (id),
    digest      BLOB NOT NULL,
    length      INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    source      TEXT NOT NULL,
    principal   TEXT NOT NULL,
    sums        BLOB NOT NULL,
    pixels      BLOB NOT NULL,
    bulk        BLOB NOT NULL
) STRICT;

-- What search answers and metadata return.
CREATE TABLE document (
    instance   INTEGER PRIMARY KEY REFERENCES instance (id),
    attributes BLOB NOT NULL,
    metadata   BLOB NOT NULL
) STRICT;

-- Where the bytes are: in the spool (few rows, they come and go), or in their final place.
CREATE TABLE spooled (
    instance INTEGER PRIMARY KEY REFERENCES instance (id),
    name     TEXT NOT NULL
) STRICT;
CREATE TABLE placed (
    instance INTEGER PRIMARY KEY REFERENCES instance (id),
    key      TEXT NOT NULL
) STRICT;

-- Who else sent the same bytes again.
CREATE TABLE resent (
    instance  INTEGER NOT NULL REFERENCES instance (id),
    source    TEXT NOT NULL,
    principal TEXT NOT NULL,
    times     INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    PRIMARY KEY (instance, source, principal)
) STRICT, WITHOUT ROWID;

-- The largest sequence that was given out and has no row: bytes that were dropped or taken out again.
CREATE TABLE sequence (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO sequence VALUES (1, 0);
