-- Why: the event log is rewritten after a user asked to be forgotten; a request that was not met yet must be found.

ALTER TABLE recsys.erasure ADD COLUMN met_at timestamptz;
COMMENT ON COLUMN recsys.erasure.met_at IS
    'Which request (erased_at) the event log met last; a request later than this is still to be met.';
