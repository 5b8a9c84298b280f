import pytest

from recsys.errors import UnknownReleaseError
from recsys.serving.comparing import difference
from recsys.serving.contracts import Changed
from recsys.serving.lifecycle import record_release
from recsys.testing.small_release import NOON, SITE

MANIFEST = {"as_of": "2026-03-01", "config_hash": "a", "config": {"ranker": {"depth": 4}}, "seed": 7}
MANIFEST |= {"files": {"items.parquet": {"sha256": "1"}, "similar.parquet": {"sha256": "2"}}}


def report(ndcg):
    return {"contestants": {"ranked": {"metrics": {"ndcg@10": ndcg, "recall@20": 0.5}}}}


def test_only_what_is_different_is_told(dsn):
    record_release(dsn, SITE, "a", as_of=NOON, at=NOON, state="refused", manifest=MANIFEST, report=report(0.1))
    changed = MANIFEST | {"config_hash": "b", "config": {"ranker": {"depth": 6}}, "as_of": "2026-03-02"}
    changed |= {"files": {"items.parquet": {"sha256": "1"}, "similar.parquet": {"sha256": "3"}}}
    record_release(dsn, SITE, "b", as_of=NOON, at=NOON, state="refused", manifest=changed, report=report(0.2))
    found = difference(dsn, SITE, "b", "a")
    assert found.configuration == {
        "config_hash": Changed(other="a", this="b"),
        "config.ranker.depth": Changed(other=4, this=6),
    }
    assert found.data == {"as_of": Changed(other="2026-03-01", this="2026-03-02")}
    assert found.files == {"similar.parquet": Changed(other="2", this="3")}
    assert found.metrics == {"ranked.ndcg@10": Changed(other=0.1, this=0.2)}
    assert found.overlap is None


def test_slates_are_compared_user_by_user(dsn, published):
    first, second = published(), published(first_item="i06")
    same = difference(dsn, SITE, first, first).overlap
    assert (same.users, same.first_10, same.same_first) == (4, 1.0, 1.0)
    found = difference(dsn, SITE, second, first).overlap
    assert (found.users, found.first_10, found.same_first) == (4, 0.95, 0.75)


def test_both_must_be_known(dsn, published):
    with pytest.raises(UnknownReleaseError, match="'nowhere'"):
        difference(dsn, SITE, published(), "nowhere")
