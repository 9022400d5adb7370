-- Legal holds: what must not be deleted, whoever asks, until the hold is released. A row stays when it is.
CREATE TABLE hold (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- One of three: a study as held by a custodian, a patient's studies held by a custodian, what a case holds.
    custodian   TEXT,
    study       TEXT,
    patient_id  TEXT,
    issuer      TEXT,                     -- without one, whichever
    case_id     TEXT,
    reason      TEXT NOT NULL,
    by          TEXT NOT NULL,            -- door:name
    since       INTEGER NOT NULL,
    released_by TEXT,
    released_at INTEGER,
    CHECK ((case_id IS NULL) = (custodian IS NOT NULL)),
    CHECK ((study IS NOT NULL) + (patient_id IS NOT NULL) + (case_id IS NOT NULL) = 1),
    CHECK ((released_by IS NULL) = (released_at IS NULL))
) STRICT;
CREATE INDEX hold_standing ON hold (id) WHERE released_at IS NULL;
