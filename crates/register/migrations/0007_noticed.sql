-- Of how many openings the maker of a link knows.
ALTER TABLE link ADD COLUMN noticed INTEGER NOT NULL DEFAULT 0;
