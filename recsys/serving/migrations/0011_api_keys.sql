-- Why: a site's own systems get keys of their own, which open that site alone, can be exchanged without a pause, and end
-- by themselves. The keys are not here: they are random, so their SHA-256 is enough to know one, and tells nothing of it.

CREATE TABLE recsys.api_key (
    key_id       text        PRIMARY KEY,  -- how people, logs and the audit call it
    digest       bytea       NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    site         text,                     -- null: all sites, also those to come
    scopes       text[]      NOT NULL CHECK (scopes <> '{}' AND scopes <@ ARRAY['read', 'write', 'admin']),
    label        text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    created_by   text        NOT NULL,
    expires_at   timestamptz,              -- null: never
    revoked_at   timestamptz,
    revoked_by   text,
    replaced_by  text        REFERENCES recsys.api_key,
    last_used_at timestamptz               -- within a minute
);
