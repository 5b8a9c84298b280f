-- Why: a site answers more than one kind of question, and each has a live release of its own; and of every change to a
-- release it must be known later who made it, when and why.

ALTER TABLE recsys.release ADD COLUMN surface text NOT NULL DEFAULT 'recommendations';
ALTER TABLE recsys.release ADD COLUMN removed_at timestamptz;
COMMENT ON COLUMN recsys.release.surface IS 'What it answers; never changes.';
COMMENT ON COLUMN recsys.release.removed_at IS 'When its rows, files and models were taken away; null: they are kept.';

ALTER TABLE recsys.live_release ADD COLUMN surface text NOT NULL DEFAULT 'recommendations';
ALTER TABLE recsys.live_release DROP CONSTRAINT live_release_pkey, ADD PRIMARY KEY (site, surface);

CREATE TABLE recsys.release_change (
    change_id   bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    site        text        NOT NULL,
    release_id  text        NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by  text        NOT NULL,  -- a key of the web service, a user of the machine, a DAG run, a stage
    action      text        NOT NULL,
    state_then  text,                  -- null: the release was not known before
    state_after text        NOT NULL,
    reason      text        NOT NULL DEFAULT ''
);

CREATE INDEX release_change_by_site ON recsys.release_change (site, change_id DESC);
