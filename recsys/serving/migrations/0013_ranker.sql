-- Why: the ranker of a release can order what is shown at request time on every host, and a host has nothing but Postgres.
-- One row per user, so that erasure takes a user's out; packed, because nothing but the ranker reads them.

CREATE TABLE recsys.ranker_file (
    release_id text  NOT NULL,
    name       text  NOT NULL,  -- the model, what it was trained with, and what the packed columns hold
    content    bytea NOT NULL,
    PRIMARY KEY (release_id, name)
) PARTITION BY LIST (release_id);

CREATE TABLE recsys.ranker_item (
    release_id text    NOT NULL,
    item_id    text    NOT NULL,  -- its place in the order of ids, COLLATE "C", is its number
    category   integer NOT NULL,
    facts      bytea   NOT NULL,
    PRIMARY KEY (release_id, item_id)
) PARTITION BY LIST (release_id);

CREATE TABLE recsys.ranker_user (
    release_id      text  NOT NULL,
    user_id         text  NOT NULL,
    facts           bytea NOT NULL,
    tastes_keys     bytea NOT NULL,  -- numbers of categories
    tastes          bytea NOT NULL,
    encounters_keys bytea NOT NULL,  -- numbers of items
    encounters      bytea NOT NULL,
    evidence_keys   bytea NOT NULL,  -- numbers of items
    evidence        bytea NOT NULL,
    PRIMARY KEY (release_id, user_id)
) PARTITION BY LIST (release_id);
