-- Why: a release is written aside, counted, and only then attached; when it is retired, dropping its partitions frees the
-- space in one statement, without a DELETE over millions of rows. Arrays keep one row (one read) per user and per item.

CREATE TABLE recsys.slate (
    release_id text   NOT NULL,
    user_id    text   NOT NULL,
    item_ids   text[] NOT NULL,  -- best first
    scores     real[] NOT NULL,
    sources    text[] NOT NULL,
    because    text[] NOT NULL,  -- one element per item: the ids that led to it, joined by U+001F, which no id may hold
    excluded   text[] NOT NULL,  -- items that this user must not be shown
    PRIMARY KEY (release_id, user_id)
) PARTITION BY LIST (release_id);

CREATE TABLE recsys.similar (
    release_id text   NOT NULL,
    item_id    text   NOT NULL,
    item_ids   text[] NOT NULL,
    scores     real[] NOT NULL,
    PRIMARY KEY (release_id, item_id)
) PARTITION BY LIST (release_id);

CREATE TABLE recsys.popular (
    release_id text   NOT NULL,
    category   text   NOT NULL,  -- '' is the whole catalogue
    item_ids   text[] NOT NULL,
    scores     real[] NOT NULL,
    PRIMARY KEY (release_id, category)
) PARTITION BY LIST (release_id);

CREATE TABLE recsys.item (
    release_id      text    NOT NULL,
    item_id         text    NOT NULL,
    title           text,
    category        text,
    price           double precision,
    available       boolean NOT NULL,
    popularity_rank integer NOT NULL,  -- dense from 1 over the whole catalogue
    PRIMARY KEY (release_id, item_id)
) PARTITION BY LIST (release_id);

CREATE INDEX item_by_popularity ON recsys.item (popularity_rank) WHERE available;
CREATE INDEX item_by_category ON recsys.item (category, popularity_rank) WHERE available;
