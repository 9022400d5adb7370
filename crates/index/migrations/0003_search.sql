-- Searching: names by their words, in any order, script and spelling; values that are empty; time zones; other IDs.
-- The new columns of old rows are filled by src/sqlite/upgrade.rs.

-- Minutes east of UTC that dates and times of the study are in (0008,0201), where it is known.
ALTER TABLE study ADD COLUMN zone INTEGER;

-- The zones that occur.
CREATE TABLE zone (
    minutes INTEGER PRIMARY KEY
) STRICT;

-- Names are in both, so that a walk along the newest can tell whether a name fits without reading the study's row.
DROP INDEX study_newest;
DROP INDEX study_of_custodian;
CREATE INDEX study_newest ON study
    (moment, id, custodian, patient_name, patient_name_second, patient_name_third, zone) WHERE visible = 1;
CREATE INDEX study_of_custodian ON study
    (custodian, moment, id, patient_name, patient_name_second, patient_name_third, zone) WHERE visible = 1;

-- Other patient IDs (0010,1002) > (0010,0020), one row for each item that has one.
CREATE TABLE study_other_id (
    study      INTEGER NOT NULL REFERENCES study (id),
    item       INTEGER NOT NULL,
    patient_id TEXT NOT NULL,
    PRIMARY KEY (study, item)
) STRICT, WITHOUT ROWID;

-- The words of all names, each with how it is written in Latin letters and how it sounds. In study_key a word stands
-- as a value of its own kind, so here a name's word leads to studies.
CREATE TABLE word (
    text  TEXT PRIMARY KEY,
    latin TEXT NOT NULL,
    sound TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX word_latin ON word (latin);
CREATE INDEX word_sound ON word (sound) WHERE sound <> '';

-- Every three letters in a row within a word.
CREATE TABLE word_gram (
    gram TEXT NOT NULL,
    word TEXT NOT NULL,
    PRIMARY KEY (gram, word)
) STRICT, WITHOUT ROWID;
