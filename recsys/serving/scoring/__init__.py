"""The ranker of a release at request time: what travels with the release for it, and the rows it scores."""
