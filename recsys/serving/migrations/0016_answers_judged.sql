-- Why: how long an answer took, and which failed: what experiments' guardrails of latency and errors are judged by.

ALTER TABLE recsys.impression ADD COLUMN took_ms real;  -- null: shown before this was noted

CREATE TABLE recsys.failed_answer (
    site      text        NOT NULL,
    user_id   text        NOT NULL,
    arm       text        NOT NULL,
    failed_at timestamptz NOT NULL
);

CREATE INDEX failed_answer_by_time ON recsys.failed_answer (site, failed_at);
