"""Whether more generators make better slates, found out on the label windows that the ranker learns from anyway.

The generators on trial are heard beside the site's own at the start of every label window. On each of the last windows
two rankers that learned on the windows before it are compared, one with the generators on trial and one without. They
are taken, all or none, where what users got is better by more than its standard error.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from pydantic import Field

from recsys import columns as c
from recsys.errors import NotEnoughData
from recsys.evaluation.contestants import COMPARED, DEPTHS
from recsys.evaluation.metrics import per_user_metrics
from recsys.features.feature_set import FeatureSet
from recsys.ranking.heard import Heard
from recsys.ranking.ranker import Ranker
from recsys.ranking.slates import rank_rows
from recsys.ranking.training_rows import training_rows
from recsys.sites.config import ComponentSpec, SiteConfig
from recsys.steps import Steps
from recsys.types import Frozen

JUDGED_ON: Final = 2
"""Label windows that are judged on, the last ones; the others are learned from alone."""


class TrialReport(Frozen):
    """What became of the generators on trial."""

    kinds: tuple[str, ...]
    "On trial."
    taken: bool
    users: int = 0
    "Judged on, over all windows."
    changes: dict[str, float] = Field(default_factory=dict)
    "By metric of COMPARED: how much higher its mean is with them, as a fraction."
    error: float = 0.0
    "The standard error, over users, of the mean of ``changes``."
    reason: str
    "The sentence why."


class Trial:
    """Label windows are added, oldest first; then it tells what was taken, and what the ranker learns from.

    Args:
        site: its generators are always there.
        on_trial: generators; those of a kind that the site has are left out. Nothing is tried where none is left.
        rng: draws what the ranker learns from.
        steps: takes down what the comparison costs.
    """

    def __init__(
        self, site: SiteConfig, on_trial: Sequence[ComponentSpec], *, rng: np.random.Generator, steps: Steps
    ) -> None:
        more = [spec for spec in on_trial if not site.proposes(spec.kind)]
        wider = site.model_copy(update={"candidates": (*site.candidates, *more)})
        self.site = site
        self.kinds = tuple(spec.kind for spec in more)
        self.widest = wider
        "The site with every generator that must be heard."
        self._sides = [_Side(site, rng), _Side(wider, rng)] if more else [_Side(site, rng)]
        self._steps = steps
        self._judged: list[list[pl.DataFrame]] = []
        self._thin = "no label window lies before another"

    def add(self, heard: Heard) -> None:
        """One more window: judged on, where it is one of the last and others came before it, then learned from."""
        rows = [heard.rows(side.sources, self.widest.candidates_per_source) for side in self._sides]
        before, asked = len(self._sides[0].parts), self.widest.windows.label_windows
        if self.kinds and before and before >= asked - JUDGED_ON:
            self._judge(rows, heard)
        for side, candidates in zip(self._sides, rows, strict=True):
            side.learn(candidates, heard)

    def _judge(self, rows: Sequence[pl.DataFrame], heard: Heard) -> None:
        """What users get of either side; nothing is noted where there is too little to learn a ranker from."""
        try:
            with self._steps.measured("judge generators on trial") as told:
                self._judged.append(
                    [side.judged(candidates, heard) for side, candidates in zip(self._sides, rows, strict=True)]
                )
                told.append(self._judged[-1][0].height)
        except NotEnoughData as thin:
            self._thin = str(thin)

    def verdict(self) -> tuple[SiteConfig, pl.DataFrame, TrialReport]:
        """The site with what it proposes from now on, the rows that its ranker learns from, and why."""
        report = self._report()
        side = self._sides[-1 if report.taken else 0]
        return side.site, pl.concat(side.parts), report

    def _report(self) -> TrialReport:
        if not self.kinds:
            return self.left_out("no generator was on trial")
        if not self._judged:
            return self.left_out(f"nothing to compare with: {self._thin}")
        without, more = (pl.concat(found).to_numpy() for found in zip(*self._judged, strict=True))
        means = without.mean(axis=0) if len(without) else np.zeros(len(COMPARED))
        if not means.all():
            return self.left_out("the site's own generators found nothing that users then wanted")
        changes = (more - without) / means
        of_users = changes.mean(axis=1)
        gain, error = float(of_users.mean()), float(of_users.std() / np.sqrt(len(of_users)))
        taken = gain > error
        return TrialReport(
            kinds=self.kinds,
            taken=taken,
            users=len(of_users),
            changes=dict(zip(COMPARED, changes.mean(axis=0).tolist(), strict=True)),
            error=error,
            reason=f"{'taken' if taken else 'left out'}: with {', '.join(self.kinds)} slates change by {gain:+.1%} "
            f"({len(of_users)} users), {'more' if taken else 'not more'} than the standard error of {error:.1%}",
        )

    def left_out(self, why: str) -> TrialReport:
        """Nothing is taken, without a comparison."""
        return TrialReport(kinds=self.kinds, taken=False, reason=f"left out: {why}")


class _Side:
    """A site, and what its ranker learned from so far."""

    def __init__(self, site: SiteConfig, rng: np.random.Generator) -> None:
        self.site = site
        self.sources = [spec.kind for spec in site.candidates]
        self.parts: list[pl.DataFrame] = []
        self._rng = rng

    def judged(self, rows: pl.DataFrame, heard: Heard) -> pl.DataFrame:
        """COMPARED of the window's users, sorted by user, by a ranker that learned from the windows before."""
        policy = self.site.ranker
        ranker = Ranker(FeatureSet.of_site(self.site), policy)
        ranker.fit(pl.concat(self.parts), rng=np.random.default_rng(policy.seed))
        slates = rank_rows(rows, ranker.score(rows), sources=self.sources, size=max(DEPTHS))
        truth = heard.labels.join(heard.pool.select(c.USER_ID).unique(), on=c.USER_ID, how="semi")
        return per_user_metrics(slates, truth, ks=DEPTHS).select(COMPARED)

    def learn(self, rows: pl.DataFrame, heard: Heard) -> None:
        policy = self.site.ranker
        self.parts.append(
            training_rows(
                rows,
                heard.labels,
                as_of=heard.recall.as_of,
                negatives_per_user=policy.negatives_per_user,
                rng=self._rng,
                negatives=policy.negatives,
            )
        )
