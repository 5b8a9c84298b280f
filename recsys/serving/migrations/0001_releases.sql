-- Why: the web service must know which release answers for a site, and an operator must be able to see and move it.
-- Moving means updating one row of live_release; what a release holds never changes.

CREATE TABLE recsys.release (
    release_id   text        PRIMARY KEY,
    site         text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('building', 'gated', 'canary', 'live', 'retired', 'refused', 'failed')),
    as_of        timestamptz NOT NULL,  -- exclusive: the release knows nothing at or after this time
    created_at   timestamptz NOT NULL,
    activated_at timestamptz,           -- when it last went live by activation; null if never
    reason       text        NOT NULL DEFAULT '',
    report       jsonb       NOT NULL DEFAULT '{}',
    manifest     jsonb       NOT NULL DEFAULT '{}',
    published    boolean     NOT NULL DEFAULT false  -- its rows are here and were counted
);

CREATE INDEX release_by_site ON recsys.release (site, created_at DESC);

CREATE TABLE recsys.live_release (
    site         text        PRIMARY KEY,
    release_id   text        NOT NULL REFERENCES recsys.release,
    previous     text        REFERENCES recsys.release,  -- where a roll back goes; null: nowhere
    activated_at timestamptz NOT NULL
);
