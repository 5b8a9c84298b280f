-- Why: similar and popular items are shown too, and a click on one of them should be told from a click on a slate.

ALTER TABLE recsys.impression ADD COLUMN surface text NOT NULL DEFAULT 'recommendations'
    CHECK (surface IN ('recommendations', 'session', 'similar', 'popular'));
COMMENT ON COLUMN recsys.impression.surface IS 'What was asked for; of sessions before this column: recommendations.';
