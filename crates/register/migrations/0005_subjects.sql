-- Who somebody that an identity provider names is here.
CREATE TABLE subject (
    issuer    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    principal INTEGER NOT NULL REFERENCES principal (id) ON DELETE CASCADE,
    made_at   INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_of ON subject (principal);
