"""Whether the ranker at request time shows better what users want next than blending does.

    python -m benchmarks.online_ranking [SITE …] [--days 7]

A release is made of the log but its last days. Of each user's first visit in these, the first half is told as the last
events; what is new in the second half is what should be shown. The answers are made by the web service's own code,
and judged by nDCG@10 and recall@10. Intervals are 95 % bootstraps over users; leads are paired. Real sites are read
from ``RECSYS_REAL_DATA`` (default: ``../shared/data``).
"""

import argparse
import asyncio
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.__main__ import DAYS
from benchmarks.releases.__main__ import stores
from recsys import columns as c
from recsys.features.visit import PAUSE_DAYS
from recsys.releases import files as f
from recsys.releases.moments import Log
from recsys.serving import publishing
from recsys.serving.reading import ScoredItems, SlateRow
from recsys.serving.scoring.scorer import Scorer
from recsys.serving.scoring.writing import write_parts
from recsys.sites import SiteConfig, add_site
from recsys.stages import ingest_events
from recsys.stages.context import StageContext
from recsys.testing.ranked_release import RankedRelease, release_of
from web_service.blending import Candidate, Signal, blend, online_candidates
from web_service.online_ranking import in_order

K = 10
LEAST = 4
"Different items of a visit that is looked at."
ASKED = "  online_ranking: {enabled: true}\n"
"""Every template ends with ``serving``."""


@dataclass(frozen=True)
class Visit:
    """One user's first visit after the release."""

    user: str
    signals: list[Signal]
    "Newest first."
    next: frozenset[str]
    "Items of the second half that were not in the first."


def visits_of(events: pl.DataFrame, site: SiteConfig) -> Iterator[Visit]:
    """The first visit of each user, cut in half; of those with at least LEAST different items.

    A visit is what names the session of its first event, or, where that names none, ends with half an hour without any.
    """
    weights = {kind.name: kind.weight for kind in site.interactions}
    pause = pl.col(c.TIMESTAMP).diff().over(c.USER_ID) > timedelta(days=PAUSE_DAYS)
    session = pl.col(c.SESSION_ID).first().over(c.USER_ID)
    unbroken = pause.fill_null(False).cum_sum().over(c.USER_ID) == 0
    first = events.sort(c.USER_ID, c.TIMESTAMP, c.EVENT_ID).filter(
        pl.when(session.is_null()).then(unbroken).otherwise(pl.col(c.SESSION_ID) == session)
    )
    for (user,), visit in first.group_by([c.USER_ID], maintain_order=True):
        items = visit[c.ITEM_ID].unique(maintain_order=True).to_list()
        if len(items) < LEAST:
            continue
        begun = items[: len(items) // 2]
        halfway = visit[c.ITEM_ID].is_in(begun).not_().arg_true()[0]
        told = visit.head(halfway).tail(site.serving.online_events).reverse()
        signals = [
            Signal(item, weights[kind], at.timestamp())
            for item, kind, at in told.select(c.ITEM_ID, c.EVENT_TYPE, c.TIMESTAMP).rows()
        ]
        yield Visit(str(user), signals, frozenset(items) - {*begun})


@dataclass
class Answers:
    """What each contestant shows, of one release."""

    made: RankedRelease
    scorer: Scorer
    seconds: list[float] = field(default_factory=list)
    "That scoring took, with all that is told."

    def __post_init__(self) -> None:
        store = self.made.store
        slates = store.get_frame(f.RECOMMENDATIONS)
        lists = slates.select(c.USER_ID, c.ITEM_IDS, c.SCORES, c.SOURCES, c.BECAUSE_ITEMS).rows()
        self.slates: dict[str, list[SlateRow]] = {user: list(zip(*rows, strict=True)) for user, *rows in lists}
        self._excluded = dict(slates.select(c.USER_ID, c.EXCLUDED_ITEMS).rows())
        near = store.get_frame(f.SIMILAR).sort(c.ITEM_ID, c.RANK).group_by(c.ITEM_ID, maintain_order=True)
        lists = near.agg(c.SIMILAR_ITEM_ID, c.SCORE).rows()
        self._similar = {item: ScoredItems(items, scores) for item, items, scores in lists}
        self._available = {*store.get_frame(f.ITEMS).filter(pl.col(c.AVAILABLE))[c.ITEM_ID]}

    def of(self, visit: Visit) -> dict[str, list[str]]:
        """K items by contestant."""
        policy = self.made.log.site.serving
        weight, half_life = policy.online_ranking.online_weight, policy.online_half_life_minutes * 60
        offline = self.slates[visit.user]
        online = list(online_candidates(visit.signals, self._similar, half_life=half_life))
        told = [(item, worth, self._similar.get(item, ScoredItems())) for item, worth, _ in visit.signals]
        began = time.perf_counter()
        ranked = self._ranked(visit, told, online, weight)
        self.seconds.append(time.perf_counter() - began)
        lists: dict[str, Sequence[tuple[float, Sequence[Candidate]]]] = {
            "offline": [(1.0, offline)],
            "online, then offline": [(1.0, online), (0.0, offline)],
            "blended": [(1.0, online), (1.0, offline)],
            "ranker alone, told nothing": [(1.0, self._ranked(visit, [], online, 0.0))],
            "ranker alone": [(1.0, self._ranked(visit, told, online, 0.0))],
            "ranked, told nothing": [(1.0, self._ranked(visit, [], online, weight))],
            "ranked": [(1.0, ranked)],
        }
        hidden = {*self._excluded[visit.user]}
        may_be_shown = (self._available - hidden).__contains__
        return {
            name: [item for item, *_ in blend(parts, may_be_shown=may_be_shown, k=K)] for name, parts in lists.items()
        }

    def _ranked(
        self, visit: Visit, told: list[tuple[str, float, ScoredItems]], online: list[Candidate], weight: float
    ) -> list[Candidate]:
        offline = self.slates[visit.user]
        if not online:
            return offline
        candidates = {candidate[0]: candidate for candidate in (*online, *offline)}
        scores = self.scorer.scores(visit.user, list(candidates), told)
        assert scores is not None
        return in_order(candidates.values(), scores.tolist(), online, online_weight=weight)


def judged(shown: list[str], wanted: frozenset[str]) -> tuple[float, float]:
    """nDCG@K and recall@K."""
    gains = [1 / math.log2(place + 2) for place, item in enumerate(shown) if item in wanted]
    ideal = sum(1 / math.log2(place + 2) for place in range(min(K, len(wanted))))
    return sum(gains) / ideal, len(gains) / min(K, len(wanted))


def interval(values: NDArray[np.float64], rng: np.random.Generator) -> str:
    """Mean and its 95 % bootstrap interval over users."""
    means = rng.choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():.4f} ({low:.4f} to {high:.4f})"


def replayed(
    context: StageContext, folder: Path, name: str, later: timedelta
) -> tuple[RankedRelease, Scorer, pl.DataFrame]:
    """A release of the site's log but its end, its ranker after the way through Postgres, and the events of the end."""
    data = Path(os.environ.get("RECSYS_REAL_DATA", "../shared/data"))
    add_site(context.settings.sites_dir, name, from_dir=None if name == "demo_shop" else data / name)
    with (context.settings.sites_dir / f"{name}.yaml").open("a") as file:
        file.write(ASKED)
    site, (first, days) = context.site(name), DAYS[name]
    ingest_events.run(site=name, first=first, days=days, context=context)
    end = datetime.combine(first, clock(), UTC) + timedelta(days=days)
    whole = Log.read(context.datasets, site, as_of=end, erased={})
    as_of = end - later
    made = release_of(Log.read(context.datasets, site, as_of=as_of, erased={}), as_of, folder / "store")
    made.store.export(folder / "exchange")
    publishing.record_release(context.dsn, name, name, as_of=as_of, at=as_of, state="gated")
    publishing.publish(context.dsn, name, name, folder / "exchange", made.rows)
    asyncio.run(write_parts(context.dsn, name, folder / "ranker", most_users=1_000_000))
    return made, Scorer(folder / "ranker"), whole.interactions.filter(pl.col(c.TIMESTAMP) >= as_of)


def main() -> None:
    """Prints a table for each site."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sites", nargs="*", default=["demo_shop", "retailrocket"], metavar="SITE")
    parser.add_argument("--days", type=int, default=7, help="that are held out")
    options = parser.parse_args()
    for name in options.sites:
        with stores("postgres") as (context, folder):
            made, scorer, after = replayed(context, folder, name, timedelta(days=options.days))
            answers, site = Answers(made, scorer), made.log.site
            visits = [visit for visit in visits_of(after, site) if visit.user in answers.slates]
            found = [{who: judged(items, visit.next) for who, items in answers.of(visit).items()} for visit in visits]
        rng = np.random.default_rng(7)
        print(f"\n### {name}: {len(visits)} visits from {made.manifest.as_of:%Y-%m-%d}\n")
        print(f"| answer | nDCG@{K} | recall@{K} | nDCG leads blended by |\n| --- | --- | --- | --- |")
        blended = np.array([by_name["blended"][0] for by_name in found])
        for contestant in found[0]:
            ndcg, recall = np.array([by_name[contestant] for by_name in found]).T
            lead = "–" if contestant == "blended" else interval(ndcg - blended, rng)
            print(f"| {contestant} | {interval(ndcg, rng)} | {interval(recall, rng)} | {lead} |")
        median, late = np.quantile(answers.seconds, [0.5, 0.99]) * 1000
        print(f"\nscoring: p50 {median:.2f} ms, p99 {late:.2f} ms")


if __name__ == "__main__":
    main()
