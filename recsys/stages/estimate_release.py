"""What a release would earn, before anybody sees it: from what the live one showed by chance, and what followed."""

from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.errors import NotEnoughData
from recsys.evaluation.experiments.moments import Floats
from recsys.evaluation.experiments.off_policy import Estimate, Logged, RewardModel, off_policy
from recsys.releases import files as f
from recsys.serving import lifecycle
from recsys.serving.exposures import read_shown_by
from recsys.sites.experiment import OutcomeEvents
from recsys.stages.context import StageContext, open_context
from recsys.types import Frozen, ReleaseId, SiteId

SHOWN_BY: Final = pl.Schema({c.REQUEST_ID: pl.String(), c.USER_ID: pl.String(), c.ITEM_IDS: pl.List(pl.String())})
"""What one release showed to users with a name."""
CERTAIN: Final = 1.0
HALVES: Final = 2


class ReleaseEstimate(Frozen):
    """Clicks per place of a slate, over the places at which the live release explored."""

    site: SiteId
    release_id: ReleaseId
    live_id: ReleaseId
    places: int
    "Shown by the live release with a chance below one."
    shared: float
    "Share of them at which the other release would show the same item."
    live_ctr: float
    estimates: dict[str, Estimate]
    "Of the other release, by estimator: ips, snips, dr."


def run(
    *,
    site: SiteId,
    release_id: ReleaseId,
    events: OutcomeEvents | None = None,
    context: StageContext | None = None,
) -> ReleaseEstimate:
    """The estimate of a release that was made, from everything that was shown since the live one is live.

    Each place counts on its own: a click depends on the item and the place, not on what else stands there (Li and
    others, "Offline Evaluation of Ranking Policies with Click Models", KDD 2018). Only what was explored is looked at,
    since elsewhere the live release shows one item alone.

    Args:
        site: whose.
        release_id: which release.
        events: which event types are clicks; by default view and click.
        context: stores; by default those of the environment.

    Raises:
        NotEnoughData: nothing is live, the live release explores nothing, or nobody saw it yet.
        ReleaseError: the release is unknown, or has no slates.
    """
    context = context or open_context()
    context.site(site)
    live = lifecycle.live_release(context.dsn, site)
    if live is None:
        raise NotEnoughData(f"site {site}: found no live release, expected one that shows something")
    lifecycle.release_summary(context.dsn, site, release_id)
    logged, other = (_places(context, site, each) for each in (live.release_id, release_id))
    explored = logged.filter(pl.col(c.PROPENSITY) < CERTAIN)
    if explored.is_empty():
        raise NotEnoughData(
            f"release {live.release_id}: found no propensity below 1, expected some; nothing can be said of what it "
            "never shows: set reranking.exploration_share in the site's YAML, and let a release explore first"
        )
    rounds = _rounds(context, site, live.release_id, explored, live.activated_at, events or OutcomeEvents())
    if rounds.is_empty():
        raise NotEnoughData(f"release {live.release_id}: found no explored place that was shown, expected some; wait")
    judged = rounds.join(
        other.rename({c.PROPENSITY: c.SHARE}), on=[c.USER_ID, c.ITEM_ID, c.RANK], how="left", maintain_order="left"
    ).with_columns(
        pl.col(c.SHARE).fill_null(0.0),
        pl.col(c.CLICKED).cast(pl.Float64),
        (pl.col(c.USER_ID).rank("dense").cast(pl.Int64) - 1).alias(c.OFFSET),
    )
    expected = _expected(judged)
    logged_rounds = Logged(
        reward=judged[c.CLICKED].to_numpy(),
        propensity=judged[c.PROPENSITY].to_numpy(),
        target=judged[c.SHARE].to_numpy(),
        unit=judged[c.OFFSET].to_numpy(),
    )
    estimates = off_policy(logged_rounds, RewardModel(expected, expected), rng=np.random.default_rng(0))
    return ReleaseEstimate(
        site=site,
        release_id=release_id,
        live_id=live.release_id,
        places=judged.height,
        shared=float((logged_rounds.target > 0).mean()),
        live_ctr=float(logged_rounds.reward.mean()),
        estimates=estimates,
    )


def _places(context: StageContext, site: SiteId, release_id: ReleaseId) -> pl.DataFrame:
    """user_id, item_id, rank from 1, propensity: 1 where the release does not explore."""
    slates = f.ReleaseFiles(context.blobs, site, release_id).get_frame(f.RECOMMENDATIONS)
    if c.PROPENSITIES not in slates.columns:
        certain = pl.lit(CERTAIN).repeat_by(pl.col(c.ITEM_IDS).list.len())
        slates = slates.with_columns(certain.alias(c.PROPENSITIES))
    return (
        slates.with_columns(pl.int_ranges(1, pl.col(c.ITEM_IDS).list.len() + 1).alias(c.RANK))
        .select(c.USER_ID, c.ITEM_IDS, c.RANK, c.PROPENSITIES)
        .explode(c.ITEM_IDS, c.RANK, c.PROPENSITIES)
        .rename({c.ITEM_IDS: c.ITEM_ID, c.PROPENSITIES: c.PROPENSITY})
        .drop_nulls(c.ITEM_ID)
    )


def _rounds(
    context: StageContext,
    site: SiteId,
    live_id: ReleaseId,
    explored: pl.DataFrame,
    since: datetime,
    events: OutcomeEvents,
) -> pl.DataFrame:
    """One row for each explored place that was shown: user_id, item_id, rank, propensity, clicked."""
    now = context.now()
    shown = pl.DataFrame(read_shown_by(context.dsn, site, live_id), schema=SHOWN_BY, orient="row")
    places = shown.explode(c.ITEM_IDS).rename({c.ITEM_IDS: c.ITEM_ID}).join(explored, on=[c.USER_ID, c.ITEM_ID])
    clicks = (
        context.feedback(site, since, now)
        .filter(pl.col(c.EVENT_TYPE).is_in(list(events.click)))
        .select(c.REQUEST_ID, c.USER_ID, c.ITEM_ID)
        .unique()
        .with_columns(pl.lit(True).alias(c.CLICKED))
    )
    return places.join(clicks, on=[c.REQUEST_ID, c.USER_ID, c.ITEM_ID], how="left").with_columns(
        pl.col(c.CLICKED).fill_null(False)
    )


def _expected(rounds: pl.DataFrame) -> Floats:
    """The click rate of each row's rank among the other half of the users; of a rank that they did not see, overall."""
    half = (pl.col(c.OFFSET) % HALVES).alias(c.HALF)
    rates = rounds.group_by((1 - half).alias(c.HALF), c.RANK).agg(pl.col(c.CLICKED).mean().alias(c.SCORE))
    found = rounds.with_columns(half).join(rates, on=[c.HALF, c.RANK], how="left", maintain_order="left")
    return found[c.SCORE].fill_null(rounds[c.CLICKED].mean()).to_numpy()
