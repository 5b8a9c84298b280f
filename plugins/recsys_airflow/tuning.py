"""Searches for parameters as Airflow sees them: rounds of mapped trials."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow.sdk import Param

from recsys.evaluation.search import ROUNDS, round_of

__all__ = ["ROUNDS", "TUNE_PARAMS", "trials_of"]

TUNE_PARAMS: Final = {
    "parts": Param(
        None,
        type=["null", "array"],
        items={"type": "string"},
        title="Parts",
        description="Kinds of generators, ranker, candidates (those on trial), intent, ctr or session. "
        "Empty: all generators and the ranker.",
    ),
}
"""What the UI asks for when a search is started by hand."""


def trials_of(plans: Sequence[Mapping[str, Any]], turn: int) -> list[dict[str, Any]]:
    """The trials of one round (from 0) of all searches, as ``{"study", "number"}``."""
    return [
        {"study": plan["study"], "number": number}
        for plan in plans
        for number in range(plan["trials"])
        if round_of(number, planned=plan["trials"]) == turn
    ]
