-- Why: a live session is looked at with what was told of its items before each event, at every request; the models
-- themselves lie where those of rankers lie.

CREATE INDEX item_update_by_item ON recsys.item_update (site, item_id, "timestamp" DESC);

COMMENT ON TABLE recsys.ranker_file IS 'Files of a release''s model: of its ranker, or all of a predictor.';
