"""The slates that would be served: is anybody missing, is anything in them that cannot be had, does one item rule."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from recsys import columns as c
from recsys.evaluation.gate.check import SAMPLES, Check, at_least, at_most, not_measured, number, percent
from recsys.evaluation.gate.evidence import LiveEvidence, SlatesEvidence
from recsys.sites.gate_policy import GatePolicy
from recsys.types import ReleaseId, UserId

SHOWN: Final = 10
"""First positions of a slate that are looked at."""


def measure(slates: pl.DataFrame, *, users: Sequence[UserId], items: pl.DataFrame) -> SlatesEvidence:
    """What users would see.

    Args:
        slates: user_id, item_ids (best first); one row per user.
        users: who should have one.
        items: item_id and available, of the whole catalogue.
    """
    expected = pl.DataFrame({c.USER_ID: users}, schema={c.USER_ID: pl.String})
    available = items.filter(pl.col(c.AVAILABLE)).select(c.ITEM_ID)
    lengths = expected.join(slates, on=c.USER_ID, how="left").with_columns(
        pl.col(c.ITEM_IDS).list.len().fill_null(0).alias(c.K)
    )
    places = shown(slates)
    amiss = places.join(available, on=c.ITEM_ID, how="anti")
    firsts = slates.select(pl.col(c.ITEM_IDS).list.first().alias(c.ITEM_ID)).drop_nulls()
    first_item, first_share = _heaviest(firsts, slates.height)
    most_shown, most_share = _heaviest(places, slates.height)
    return SlatesEvidence(
        users=expected.height,
        short=lengths.filter(pl.col(c.K) < min(SHOWN, available.height)).height,
        missing_users=tuple(lengths.filter(pl.col(c.K) == 0)[c.USER_ID].sort().head(SAMPLES)),
        unavailable_share=amiss.height / max(1, places.height),
        unavailable_items=tuple(amiss[c.ITEM_ID].unique().sort().head(SAMPLES)),
        first_item=first_item,
        first_item_share=first_share,
        most_shown=most_shown,
        most_shown_share=most_share,
        variety=variety(places),
    )


def compare(
    slates: pl.DataFrame, live: pl.DataFrame, *, release_id: ReleaseId, not_compared: str | None
) -> LiveEvidence:
    """The slates beside those of the live release; both user_id, item_ids.

    Args:
        slates: the challenger's.
        live: the live release's.
        release_id: which one that is.
        not_compared: why it is not among the report's contestants; None: it is.
    """
    both = slates.join(live, on=c.USER_ID, suffix=_LIVE).select(
        pl.col(c.ITEM_IDS).list.head(SHOWN), pl.col(c.ITEM_IDS + _LIVE).list.head(SHOWN)
    )
    mine, theirs = pl.col(c.ITEM_IDS), pl.col(c.ITEM_IDS + _LIVE)
    longer = pl.max_horizontal(mine.list.len(), theirs.list.len(), pl.lit(1, dtype=pl.UInt32))
    kept = both.select((mine.list.set_intersection(theirs).list.len() / longer).alias(c.SHARE))[c.SHARE]
    return LiveEvidence(
        release_id=release_id,
        users=live.filter(pl.col(c.ITEM_IDS).list.len() > 0).height,
        drift=1 - float(kept.to_numpy().mean()) if both.height else None,
        variety=variety(shown(live)),
        not_compared=not_compared,
    )


def shown(slates: pl.DataFrame) -> pl.DataFrame:
    """user_id, item_id: what stands in the first SHOWN positions."""
    return (
        slates.select(c.USER_ID, pl.col(c.ITEM_IDS).list.head(SHOWN).alias(c.ITEM_ID)).explode(c.ITEM_ID).drop_nulls()
    )


def variety(places: pl.DataFrame) -> float:
    """1 / Σ share² of the items in ``places`` (item_id): so many items, shown alike, would be as varied; 0 for none.

    Source: Hill, Ecology 54(2), 1973, the number of order 2.
    """
    times = places.group_by(c.ITEM_ID).len().to_series(1).sort().to_numpy().astype(float)
    return float(times.sum() ** 2 / (times**2).sum()) if len(times) else 0.0


def checks(evidence: SlatesEvidence | None, policy: GatePolicy) -> list[Check]:
    """What the policy asks of the slates."""
    if evidence is None:
        return [not_measured("the slates", "every user's slate looked at")]
    first, most = evidence.first_item, evidence.most_shown
    short = at_most(
        f"the share of users with fewer than {SHOWN} items",
        evidence.short / evidence.users if evidence.users else None,
        policy.max_short_slates,
        percent,
    )
    return [
        short.model_copy(update={"users": () if short.passed else evidence.missing_users}),
        at_most(
            "the share of unavailable items in slates",
            evidence.unavailable_share,
            policy.max_unavailable_items,
            percent,
            items=evidence.unavailable_items,
        ),
        at_most(
            "the share of users who get the same item first",
            evidence.first_item_share if first else None,
            policy.max_first_item_share,
            percent,
            items=[first] if first else [],
        ),
        at_most(
            f"the share of users who get the same item among their first {SHOWN}",
            evidence.most_shown_share if most else None,
            policy.max_item_share,
            percent,
            items=[most] if most else [],
        ),
    ]


def checks_against_live(slates: SlatesEvidence | None, live: LiveEvidence | None, policy: GatePolicy) -> list[Check]:
    """What the policy asks of the slates beside those of the live release; nothing where there is none."""
    if live is None or slates is None:
        return []
    answered = slates.users - len(slates.missing_users)
    return [
        at_least(
            "the number of users, relative to the live release,",
            answered / live.users if live.users else None,
            policy.min_users_against_live,
            percent,
        ),
        at_most("the drift from the live slates", live.drift, policy.max_drift, number),
        at_least(
            "the variety of items, relative to the live slates,",
            slates.variety / live.variety if live.variety else None,
            policy.min_variety_against_live,
            percent,
        ),
    ]


def _heaviest(places: pl.DataFrame, users: int) -> tuple[str | None, float]:
    """The item in most rows, and its share of the users."""
    times = places.group_by(c.ITEM_ID).len().sort(pl.last(), pl.first(), descending=[True, False])
    return (times.item(0, 0), times.item(0, 1) / users) if times.height else (None, 0.0)


_LIVE = "_live"
