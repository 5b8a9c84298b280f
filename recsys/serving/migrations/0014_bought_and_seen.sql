-- Why: who asks for nothing that the user knows, or bought, asks of all the user ever did; the events that came in through
-- the web service are only the last of it. And a slate may begin behind the first place, when a client turns the page.

ALTER TABLE recsys.slate ADD COLUMN bought text[] NOT NULL DEFAULT '{}';  -- items that the user had bought
ALTER TABLE recsys.slate ADD COLUMN seen text[] NOT NULL DEFAULT '{}';  -- others that the user had done something with
ALTER TABLE recsys.impression ADD COLUMN first_position integer NOT NULL DEFAULT 1;
