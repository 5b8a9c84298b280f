-- Why: an accepted event is durable and counts once; the next answer must see a user's last events in one index read,
-- and what the user bought without reading the rest.

CREATE TABLE recsys.event (
    site        text             NOT NULL,
    event_id    text             NOT NULL,
    user_id     text             NOT NULL,
    item_id     text             NOT NULL,
    event_type  text             NOT NULL,
    "timestamp" timestamptz      NOT NULL,
    value       double precision,
    session_id  text,
    request_id  text,
    received_at timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (site, event_id)
);

CREATE INDEX event_by_user ON recsys.event (site, user_id, "timestamp" DESC);
CREATE INDEX event_by_user_and_type ON recsys.event (site, user_id, event_type) INCLUDE (item_id);
CREATE INDEX event_by_time ON recsys.event (site, "timestamp");
