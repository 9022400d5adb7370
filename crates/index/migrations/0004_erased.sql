-- What was erased: that it was, and nothing that names it. A file with such a sequence never becomes a row again.
CREATE TABLE erasure (
    sequence INTEGER PRIMARY KEY    -- its place among stores; names its record in removed/
) STRICT;
CREATE TABLE erased (
    sequence INTEGER PRIMARY KEY,   -- the version's own
    erasure  INTEGER NOT NULL REFERENCES erasure (sequence)
) STRICT;
