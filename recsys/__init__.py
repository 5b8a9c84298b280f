"""A recommender platform: raw events in, recommendations out."""
