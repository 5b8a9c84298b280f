-- Why: a user who asked to be forgotten must not come back with a release that was computed before the request.

CREATE TABLE recsys.erasure (
    site      text        NOT NULL,
    user_id   text        NOT NULL,
    erased_at timestamptz NOT NULL,
    PRIMARY KEY (site, user_id)
);
