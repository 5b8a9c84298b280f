"""A release small enough to know by heart, as files: six users' worth of cases on twelve items."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from recsys.serving.files import FILES

SITE: Final = "shop"
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
"Its as_of."

SLATES: Final[dict[str, list[tuple[str, float, str, list[str]]]]] = {
    "anna": [
        ("i01", 0.9, "ranked:als", ["i10"]),
        ("i02", 0.8, "ranked:item_item", ["i10", "i11"]),
        ("i12", 0.75, "ranked:als", []),
        ("i03", 0.7, "ranked:popularity", []),
        ("i04", 0.6, "ranked:als", []),
    ],
    "one_item": [("i05", 0.5, "ranked:als", [])],
    "nothing": [],
    "bought_much": [("i01", 0.9, "ranked:als", []), ("i06", 0.4, "ranked:als", [])],
    'quote"\\,{}\n ü': [("i01", 0.9, "ranked:als", [])],
}
"""User to ranked items: id, score, source, because. i12 is not available."""

EXCLUDED: Final = {"bought_much": ["i01", "i02"]}
BOUGHT: Final = {"anna": ["i10"], "bought_much": ["i01", "i02"]}
SEEN: Final = {"anna": ["i11", "i03"], "one_item": ["i05"]}
"""What they had bought, and what else they had done something with."""

SIMILAR: Final[dict[str, list[tuple[str, float]]]] = {
    "i01": [("i07", 0.9), ("i08", 0.5), ("i12", 0.4), ("i02", 0.3)],
    "i02": [("i08", 0.6), ("i01", 0.3)],
    "i07": [("i01", 0.9), ("i09", 0.2)],
    "i09": [("i07", 0.2)],
}

POPULAR: Final[dict[str, list[tuple[str, float]]]] = {
    "": [("i10", 50.0), ("i02", 40.0), ("i12", 30.0), ("i06", 20.0)],
    "books": [("i02", 40.0), ("i06", 20.0)],
}

UNAVAILABLE: Final = "i12"
CATALOGUE: Final = [f"i{number:02}" for number in range(1, 13)]


def write_small_release(folder: Path, *, first_item: str | None = None) -> dict[str, int]:
    """The four files stand in ``folder``; returns their rows, as a manifest counts them.

    ``first_item`` replaces the first item of anna's slate, to tell two releases apart.
    """
    slates = dict(SLATES)
    if first_item is not None:
        slates["anna"] = [(first_item, 1.0, "ranked:als", []), *slates["anna"][1:]]
    rows: dict[str, list[list[Any]]] = {
        "recommendations.parquet": [
            [user, *_columns(items, 4), *(listed.get(user, []) for listed in (EXCLUDED, BOUGHT, SEEN))]
            for user, items in slates.items()
        ],
        "similar.parquet": _ranked(SIMILAR),
        "top_popular.parquet": _ranked(POPULAR),
        "items.parquet": [
            [item, f"Title of {item}", "books" if int(item[1:]) % 2 == 0 else "toys", float(int(item[1:])), True]
            for item in CATALOGUE
        ],
    }
    for item in rows["items.parquet"]:
        item[4] = item[0] != UNAVAILABLE
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in rows.items():
        pl.DataFrame(content, schema=FILES[name], orient="row").write_parquet(folder / name)
    return {name: len(content) for name, content in rows.items()}


def _columns(items: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*items, strict=True)] or [[] for _ in range(width)]


def _ranked(lists: dict[str, list[tuple[str, float]]]) -> list[list[Any]]:
    return [
        [key, item, score, rank] for key, items in lists.items() for rank, (item, score) in enumerate(items, start=1)
    ]
