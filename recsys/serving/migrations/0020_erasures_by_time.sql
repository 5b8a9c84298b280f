-- Why: each worker asks once a second who was erased since its models were learned.

CREATE INDEX erasure_by_time ON recsys.erasure (site, erased_at);
