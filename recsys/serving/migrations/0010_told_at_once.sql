-- Why: every web worker keeps in memory what users did and what went off sale since a little before the live release was
-- made; a worker that starts must find it by when it came in, without reading the rest.

CREATE INDEX event_by_arrival ON recsys.event (site, received_at);
