-- Why: a session is continued by a model with a release of its own; what was shown should say which one it was.

ALTER TABLE recsys.impression ADD COLUMN model_version text;  -- null: no model of sessions was asked
