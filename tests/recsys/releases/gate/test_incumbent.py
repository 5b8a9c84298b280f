"""What a challenger is compared with, after a change of the site too."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from recsys import columns as c
from recsys.evaluation.contestants import LIVE, RANKED
from recsys.releases import files as f
from recsys.releases.incumbent import Incumbent
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import Log
from recsys.sites import ComponentSpec
from tests.recsys.releases.gate.conftest import AS_OF, Made, Make

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def other(log: Log) -> Log:
    """The site after it was given other generators."""
    candidates = (ComponentSpec(kind="popularity"), ComponentSpec(kind="item_item"))
    return replace(log, site=log.site.model_copy(update={"candidates": candidates}))


def check_of(made: Made) -> str:
    [check] = [each for each in made.examination.decision.checks if "against the live" in each.name]
    return check.found


def forget_configuration(store: f.ReleaseFiles, **update: object) -> None:
    manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
    store.put_json(f.MANIFEST, manifest.model_copy(update={"config": {}, **update}).model_dump(mode="json"))


def test_the_same_features_rank_the_same_candidates(log: Log, make: Make, honest: Made):
    found = make(log, live=honest.store).examination
    assert found.decision.accepted, found.decision.reason
    assert found.judgement.report.lead[LIVE]["ndcg@10"].mean == 0.0
    assert found.evidence.live.drift == 0.0


def test_other_features_are_compared_each_on_its_own_candidates(other: Log, make: Make, honest: Made):
    """The live release is judged as it was: its generators are fitted again on what was known then."""
    found = make(other, live=honest.store).examination
    assert found.evidence.live.not_compared is None
    before = honest.examination.judgement.report.contestants[RANKED].metrics
    again = found.judgement.report.contestants[LIVE].metrics
    assert again["ndcg@10"] == pytest.approx(before["ndcg@10"])
    assert 0 < found.evidence.live.drift < 1


def test_without_its_configuration_what_it_showed_is_compared_or_it_is_said_why_not(other: Log, log: Log, make: Make):
    earlier = replace(log, interactions=log.interactions.filter(pl.col(c.TIMESTAMP) < AS_OF - WEEK))
    old = make(earlier, as_of=AS_OF - WEEK)
    forget_configuration(old.store)
    compared = make(other, live=old.store).examination
    assert compared.judgement.report.contestants[LIVE].metrics["ndcg@10"] > 0

    forget_configuration(old.store, as_of=AS_OF)
    late = make(other, live=old.store)
    assert LIVE not in late.examination.judgement.report.contestants
    assert check_of(late).startswith("not compared: its candidates cannot be made any more")


def test_users_without_a_slate_were_shown_what_is_popular(log: Log, honest: Made):
    incumbent = Incumbent.of(honest.store, honest.ranker.features, log, window_start=AS_OF - WEEK)
    user = incumbent.slates[c.USER_ID][0]
    shown = incumbent.shown_to(["nobody", user])
    mine = shown.filter(pl.col(c.USER_ID) == user).sort(c.RANK)
    assert mine[c.ITEM_ID].to_list() == incumbent.slates[c.ITEM_IDS][0].to_list()
    theirs = shown.filter(pl.col(c.USER_ID) == "nobody").sort(c.RANK)
    assert theirs[c.ITEM_ID].to_list() == incumbent.popular.sort(c.RANK)[c.ITEM_ID].to_list()
