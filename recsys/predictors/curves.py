"""What a figure shows of the contestants: one line each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Curves:
    """One figure, without the library that draws it."""

    name: str
    "Of its file, without an ending."
    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[Point]]
    "By contestant."
    diagonal: bool = False
    "Whether y = x is what one would wish for."
