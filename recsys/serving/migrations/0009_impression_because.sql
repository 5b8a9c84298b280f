-- Why: what led to an item that was mixed in from what the user just did is known when the answer is made, and nowhere
-- afterwards: the session named in a request is not stored.

ALTER TABLE recsys.impression ADD COLUMN because jsonb;  -- one array of item ids per item shown, strongest first
COMMENT ON COLUMN recsys.impression.because IS 'null: served by a version that did not write it down.';
