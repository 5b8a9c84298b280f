"""The page of a release: what was found out about it, for people; one HTML file that needs no other."""
