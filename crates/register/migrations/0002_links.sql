-- Links that were given away. Whoever has one may see what it names, or send images to a custodian. Of its 256 random bits
-- only the digest is kept, and of its access code an argon2id hash.

CREATE TABLE link (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    digest        BLOB NOT NULL UNIQUE,        -- SHA-256
    kind          TEXT NOT NULL CHECK (kind IN ('share', 'upload')),
    label         TEXT NOT NULL,               -- for whom, in its maker's words
    custodian     TEXT NOT NULL,               -- whose holdings become what is sent by it
    case_id       TEXT,                        -- for which case, if for one
    maker         INTEGER REFERENCES principal (id) ON DELETE SET NULL,
    maker_kind    TEXT NOT NULL CHECK (maker_kind IN ('principal', 'administrator', 'console')),
    maker_name    TEXT NOT NULL,               -- as it was when the link was made
    made_at       INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,            -- the last moment
    uses          INTEGER NOT NULL DEFAULT 0,  -- how often it was opened
    use_limit     INTEGER,
    revoked_at    INTEGER,
    failures      INTEGER NOT NULL DEFAULT 0,  -- access codes that did not match since failing_since
    failing_since INTEGER NOT NULL DEFAULT 0,
    locked_until  INTEGER NOT NULL DEFAULT 0   -- the last moment at which no code is looked at
) STRICT;
CREATE INDEX link_by_maker ON link (maker);

CREATE TABLE link_code (
    link   INTEGER PRIMARY KEY REFERENCES link (id) ON DELETE CASCADE,
    memory INTEGER NOT NULL,                   -- KiB
    passes INTEGER NOT NULL,
    lanes  INTEGER NOT NULL,
    salt   BLOB NOT NULL,
    hash   BLOB NOT NULL
) STRICT;

-- What a share shows.
CREATE TABLE link_holding (
    link      INTEGER NOT NULL REFERENCES link (id) ON DELETE CASCADE,
    custodian TEXT NOT NULL,
    study     TEXT NOT NULL,
    PRIMARY KEY (link, custodian, study)
) STRICT, WITHOUT ROWID;

-- The last openings of each link, for whoever made it.
CREATE TABLE link_opening (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    link    INTEGER NOT NULL REFERENCES link (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    address TEXT NOT NULL                      -- from where
) STRICT;
CREATE INDEX link_opening_of ON link_opening (link);
