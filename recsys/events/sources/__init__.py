"""One file per source of raw events; each passes the same contract suite."""
