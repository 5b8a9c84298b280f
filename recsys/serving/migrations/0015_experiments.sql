-- Why: which experiments of a site run, how far their ramp is, how they were judged last, how they ended, and who did it.

CREATE TABLE recsys.experiment (
    site          text        NOT NULL,
    experiment_id text        NOT NULL,
    definition    jsonb       NOT NULL,
    state         text        NOT NULL CHECK (state IN ('running', 'promoted', 'aborted', 'inconclusive')),
    ramp          float8      NOT NULL CHECK (ramp > 0 AND ramp < 1),  -- share of users who get another arm than the control
    started_at    timestamptz NOT NULL,
    looked_at     timestamptz,                                         -- null: not judged yet
    ended_at      timestamptz,
    reason        text        NOT NULL DEFAULT '',                     -- the last decision's sentence
    decisions     jsonb       NOT NULL DEFAULT '[]',                   -- of the last look, one for each challenger
    PRIMARY KEY (site, experiment_id),
    CHECK ((state = 'running') = (ended_at IS NULL))
);

CREATE INDEX running_experiment ON recsys.experiment (site) WHERE state = 'running';

CREATE TABLE recsys.experiment_change (
    change_id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site          text        NOT NULL,
    experiment_id text        NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by    text        NOT NULL,
    action        text        NOT NULL,                                -- start, ramp, promote, abort or end
    ramp          float8      NOT NULL,
    reason        text        NOT NULL DEFAULT '',
    FOREIGN KEY (site, experiment_id) REFERENCES recsys.experiment
);
