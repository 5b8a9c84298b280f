"""Ask and answer: the HTTP API, the blending of offline and online, and the page."""
