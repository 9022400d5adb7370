-- Goes up with each change of what an account comes in by; sessions that began with an earlier one end.
ALTER TABLE principal ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
