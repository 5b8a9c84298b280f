-- Why: what was shown, in which order and from which release, is needed to judge a release by what users then did.

CREATE TABLE recsys.impression (
    site       text        NOT NULL,
    request_id text        NOT NULL,
    user_id    text,                  -- null: an anonymous visitor
    release_id text        NOT NULL,
    arm        text        NOT NULL,
    item_ids   text[]      NOT NULL,  -- in the order shown; position 1 is first
    sources    text[]      NOT NULL,
    served_at  timestamptz NOT NULL,
    PRIMARY KEY (site, request_id)
);

CREATE INDEX impression_by_time ON recsys.impression (site, served_at);
CREATE INDEX impression_by_user ON recsys.impression (site, user_id) WHERE user_id IS NOT NULL;
