"""The colors of the page: whoever sees little can read it."""

import re

import pytest

from web_service.routes.page import STATIC

TEXT = [
    *((name, ground) for name in ("ink", "soft", "accent") for ground in ("ground", "raised")),
    *(
        (name, ground)
        for name in ("soft", "ranked", "similar", "popular", "catalogue")
        for ground in ("raised", "fresh")
    ),
    ("on-accent", "accent"),
    ("raised", "similar"),
]
EDGES = [("edge", "ground"), ("edge", "raised"), ("focus", "ground"), ("focus", "raised")]


def luminance(color):
    """Relative luminance, by WCAG 2.2."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("night", [False, True])
def test_every_color_stands_out_as_wcag_asks(night):
    """4.5 to 1 for text, 3 to 1 for the edges of fields and what has the focus."""
    theme = (STATIC / "app.css").read_text().split("@media")[night]
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", theme))
    faint = {
        (one, on): contrast(colors[one], colors[on]) for one, on in TEXT if contrast(colors[one], colors[on]) < 4.5
    }
    faint |= {
        (one, on): contrast(colors[one], colors[on]) for one, on in EDGES if contrast(colors[one], colors[on]) < 3
    }
    assert faint == {}
