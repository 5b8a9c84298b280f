"""How good parameters are: the mean of a metric over the users of a validation window."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.errors import NotEnoughData
from recsys.evaluation.metrics import per_user_metrics
from recsys.evaluation.search import Params
from recsys.features.feature_set import FeatureSet
from recsys.ranking.ranker import Ranker
from recsys.ranking.slates import rank_rows
from recsys.ranking.space import RANKER
from recsys.ranking.training_rows import gains
from recsys.releases import files as f
from recsys.releases.moments import PAIR, Log
from recsys.releases.studies import Plan, Studies
from recsys.sites import ComponentSpec, SiteConfig
from recsys.stages.build_candidates import to_judge, to_learn
from recsys.stages.context import StageContext
from recsys.types import SiteId

CANDIDATES = "candidates"
"""The part that asks whether the generators on trial are taken."""
DEPTH = 20
"Positions that are looked at."


class Objective:
    """The objective of one search. A window's rows for the ranker are made once and kept with the study."""

    def __init__(self, context: StageContext, site: SiteId, plan: Plan) -> None:
        self.site: SiteConfig = context.site(site)
        self.studies = Studies(context.blobs, site)
        self._context = context
        self._plan = plan

    def value(self, params: Params, window: int) -> float:
        """The metric on a validation window (0 is the latest); ``params`` replace those of the site's part.

        Raises:
            NotEnoughData: nobody did anything new in that window.
            ConfigError: the part has no such parameter.
        """
        config = self.site.tuned({self._plan.part: params})
        ranks = self._plan.part in (RANKER, CANDIDATES)
        slates, truth = self._ranked(config, window) if ranks else self._proposed(config, window)
        metric = self.site.tuning.objective
        depth = int(metric.partition("@")[2])
        found = per_user_metrics(slates, truth, ks=[depth])[metric].mean()
        if not isinstance(found, float):
            start, end = self._plan.windows[window]
            raise NotEnoughData(
                f"site {self.site.site}: found nothing new to users from {start:%Y-%m-%d} until {end:%Y-%m-%d}, "
                "expected events to judge parameters on; ingest more days, or set tuning.windows lower"
            )
        return found

    def _proposed(self, config: SiteConfig, window: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What the generator alone proposes at the start of the window."""
        start, end = self._plan.windows[window]
        spec: ComponentSpec = next(spec for spec in config.candidates if spec.kind == self._plan.part)
        moment = self._log.at(start, rng=np.random.default_rng(config.ranker.seed), specs=[spec])
        labels = gains(self._log.interactions, config.interactions, start=start, end=end, exclude=moment.bought)
        truth = labels.select(PAIR).join(moment.recall.items.select(c.ITEM_ID), on=c.ITEM_ID, how="semi")
        users = truth[c.USER_ID].unique().sort().to_list()
        return moment.recall.pool(users, k=DEPTH, exclude=moment.bought), truth

    def _ranked(self, config: SiteConfig, window: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The slates of a ranker that learned on what is before the window."""
        frames = self._rows(window) if self._plan.part == RANKER else self._made(config, window)
        sources = [spec.kind for spec in config.candidates]
        ranker = Ranker(FeatureSet.of_site(config), config.ranker)
        ranker.fit(frames[f.CANDIDATES_TRAIN], rng=np.random.default_rng(config.ranker.seed))
        rows = frames[f.CANDIDATES_EVALUATION]
        return rank_rows(rows, ranker.score(rows), sources=sources, size=DEPTH), frames[f.TRUTH]

    def _rows(self, window: int) -> Mapping[str, pl.DataFrame]:
        names = (f.CANDIDATES_TRAIN, f.CANDIDATES_EVALUATION, f.TRUTH)
        study = self._plan.study
        if not self.studies.has_frame(study, f"{window}-{names[-1]}"):
            made = self._made(self.site, window)
            for name in names:
                self.studies.put_frame(study, f"{window}-{name}", made[name])
        return {name: self.studies.frame(study, f"{window}-{name}") for name in names}

    def _made(self, config: SiteConfig, window: int) -> Mapping[str, pl.DataFrame]:
        """What the generators of ``config`` propose, to learn from before the window and to judge in it."""
        log, end = replace(self._log, site=config), self._plan.windows[window][1]
        return {**to_learn(log, end), **to_judge(log, end)}

    @cached_property
    def _log(self) -> Log:
        """Everything before the evaluation window, and nothing of it."""
        return Log.read(
            self._context.datasets,
            self.site.tuned({CANDIDATES: {"on_trial": 1}}),
            as_of=self._plan.windows[0][1],
            erased=self._context.erased(self.site.site),
        )
