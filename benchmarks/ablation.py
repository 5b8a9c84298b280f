"""What each generator and each group of features is worth: everything again without it, or with it.

    python -m benchmarks.ablation FOLDER [FOLDER …] [--plus GENERATOR …]

A folder as for ``benchmarks.quality``, maybe with ``items.parquet`` (item_id and what is told of it). For choices it
must be one cut inside what is learned from, so that the window that is reported stays unseen. Generators are fitted
once; what they propose is filtered, and the ranker is trained again. Popularity stays: it is what strangers get. Groups
of features of which nothing is known in the folder are left out; those that are off by default are added in turn, and
so are the generators named with ``--plus``. Prints a Markdown table per
folder: nDCG@10 and recall@20, and by how much, paired per user, they differ from the default's.
"""

import argparse
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.popularity import Popularity
from recsys.datasets.splits import label_windows
from recsys.evaluation.bootstrap import Interval
from recsys.evaluation.report import COMPARED, RANKED, EvaluationReport, evaluate
from recsys.features.feature_set import FeatureSet
from recsys.ranking.candidate_rows import Recall, fit_recall
from recsys.ranking.heard import Heard
from recsys.ranking.ranker import Ranker
from recsys.ranking.slates import rank_rows
from recsys.ranking.training_rows import PAIR, drawn, gains, training_rows
from recsys.sites.config import ComponentSpec, SiteConfig
from recsys.sites.ranker_policy import FeatureGroup
from recsys.stages.offline_by_time import as_interactions, catalogue_of, default_site, midnight_after, touched
from recsys.stages.offline_files import read_events, read_items, read_users
from recsys.types import UserId

SIZE = 20
SEED = 7


class Ablation:
    """One folder's events, with every generator fitted at every moment."""

    def __init__(self, folder: Path, plus: Sequence[str]) -> None:
        self.log = as_interactions(read_events(folder / "train.parquet"))
        catalogue = folder / "items.parquet"
        self._items = read_items(catalogue) if catalogue.is_file() else None
        self.truth = pl.read_parquet(folder / "truth.parquet").select(PAIR).unique()
        self.site = default_site(self.log)
        specs = (*self.site.candidates, *(ComponentSpec(kind=kind) for kind in plus))
        self._everything = self.site.model_copy(update={"candidates": specs})
        self._rng = np.random.default_rng(SEED)
        as_of = midnight_after(self.log)
        self._taught = [self._taught_at(window.start, window.end) for window in label_windows(as_of, self.site.windows)]
        recall = self._recall(as_of)
        users = read_users(folder / "users.txt")
        pool = recall.pool(users, k=self.site.candidates_per_source, exclude=touched(self.log))
        self._asked = Heard(recall, pool, self.truth)

    def slates(self, site: SiteConfig) -> pl.DataFrame:
        """What the users would be shown with these generators and groups of features."""
        sources, policy, k = [spec.kind for spec in site.candidates], site.ranker, site.candidates_per_source
        rng = np.random.default_rng(SEED)
        parts = [
            training_rows(
                moment.rows(sources, k),
                moment.labels,
                as_of=moment.recall.as_of,
                negatives_per_user=policy.negatives_per_user,
                rng=rng,
                negatives=policy.negatives,
            )
            for moment in self._taught
        ]
        ranker = Ranker(FeatureSet.of_site(site), policy).fit(pl.concat(parts), rng=rng)
        rows = self._asked.rows(sources, k)
        return rank_rows(rows, ranker.score(rows), sources=sources, size=SIZE)

    def variants(self) -> dict[str, SiteConfig]:
        """The default's name is RANKED; the others each differ from it in one thing."""
        site, mine = self.site, self.site.candidates
        found = {RANKED: site}
        for spec in mine:
            if spec.kind != Popularity.name:
                found[f"without {spec.kind}"] = _proposing(site, [one for one in mine if one != spec])
        for spec in self._everything.candidates[len(mine) :]:
            found[f"with {spec.kind}"] = _proposing(site, [*mine, spec])
        for group in self._known_groups():
            on = site.ranker.features
            chosen = tuple(name for name in get_args(FeatureGroup) if (name in on) != (name == group))
            found[f"{'without' if group in on else 'with'} {group}"] = _looking_at(site, chosen)
        return found

    def _known_groups(self) -> list[str]:
        """Groups of which something is known here."""
        rows = self._asked.rows([spec.kind for spec in self.site.candidates], self.site.candidates_per_source)
        known = {name for name in rows.columns if rows[name].null_count() < rows.height}
        bare = FeatureSet.of(self._asked.recall.sources, groups=()).names
        return [
            group
            for group in get_args(FeatureGroup)
            if known & (set(FeatureSet.of(self._asked.recall.sources, groups=[group]).names) - set(bare))
        ]

    def report(self) -> EvaluationReport:
        """Every variant, on the same users."""
        as_of = midnight_after(self.log)
        return evaluate(
            {name: self.slates(site) for name, site in self.variants().items()},
            self.truth,
            warm_users=self.log[c.USER_ID].unique().to_list(),
            catalogue=self.log[c.ITEM_ID].n_unique(),
            window=(as_of, as_of + timedelta(days=1)),
            rng=np.random.default_rng(SEED),
        )

    def _recall(self, moment: datetime) -> Recall:
        known = self.log.filter(pl.col(c.TIMESTAMP) < moment)
        return fit_recall(
            known,
            catalogue_of(known, self._items),
            specs=self._everything.candidates,
            types=self.site.interactions,
            as_of=moment,
            rng=self._rng,
        )

    def _taught_at(self, start: datetime, end: datetime) -> Heard:
        recall, site = self._recall(start), self.site
        seen = touched(recall.interactions)
        labels = gains(self.log, site.interactions, start=start, end=end, exclude=seen)
        users: list[UserId] = drawn(
            labels[c.USER_ID].unique().sort().to_list(),
            at_most=site.ranker.users // site.windows.label_windows,
            rng=self._rng,
        )
        return Heard(recall, recall.pool(users, k=site.candidates_per_source, exclude=seen), labels)


def _proposing(site: SiteConfig, specs: Sequence[ComponentSpec]) -> SiteConfig:
    return site.model_copy(update={"candidates": tuple(specs)})


def _looking_at(site: SiteConfig, groups: Sequence[str]) -> SiteConfig:
    return site.model_copy(update={"ranker": site.ranker.model_copy(update={"features": tuple(groups)})})


def table(report: EvaluationReport) -> str:
    """The report in Markdown; differences are the variant's less the default's."""
    head = ["", *(name for metric in COMPARED for name in (metric, "difference (95 %)"))]
    lines = [head, ["---"] * len(head)]
    for name, found in report.contestants.items():
        line = ["the default" if name == RANKED else name]
        for metric in COMPARED:
            lead = report.lead.get(name, {}).get(metric)
            line += [f"{found.metrics[metric]:.4f}", _turned(lead) if lead else ""]
        lines.append(line)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _turned(lead: Interval) -> str:
    sure = "**" if lead.low > 0 or lead.high < 0 else ""
    return f"{sure}{-lead.mean:+.4f} ({-lead.high:+.4f} to {-lead.low:+.4f}){sure}"


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--plus", nargs="*", default=[], metavar="GENERATOR")
    options = parser.parse_args()
    for folder in options.folders:
        found = Ablation(folder, options.plus).report()
        print(f"\n### {folder}\n\n{found.users:,} users\n\n{table(found)}", flush=True)


if __name__ == "__main__":
    main()
