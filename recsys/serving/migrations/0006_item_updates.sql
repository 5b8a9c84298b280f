-- Why: what a site tells of its items is as durable as what it tells of its users, and counts once; an item that is taken
-- off sale must be gone from the next answer, before any release knows of it.

CREATE TABLE recsys.item_update (
    site         text        NOT NULL,
    event_id     text        NOT NULL,
    item_id      text        NOT NULL,
    "timestamp"  timestamptz NOT NULL,
    title        text,                 -- null, here and below: nothing was told, what was known stays
    "text"       text,
    category     text,
    price        double precision,
    available    boolean,
    image        text,
    language     text,
    published_at timestamptz,
    attributes   text,                 -- one JSON object; as text, because jsonb refuses some of what JSON may hold
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, event_id)
);

CREATE INDEX item_update_by_time ON recsys.item_update (site, "timestamp");

CREATE TABLE recsys.item_availability (
    site        text        NOT NULL,
    item_id     text        NOT NULL,
    available   boolean     NOT NULL,
    "timestamp" timestamptz NOT NULL,  -- when it became so
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, item_id)
);

CREATE INDEX item_off_sale ON recsys.item_availability (site, item_id) WHERE NOT available;
