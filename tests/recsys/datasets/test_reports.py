from datetime import date

import pytest

from recsys.datasets.reports import Reports
from recsys.events.partition import Checked
from recsys.events.quality import UNDATED, QualityReport, judged
from recsys.sites.config import QualityPolicy


def report(key: str, *, good: bool, site: str = "shop") -> QualityReport:
    return judged(key, Checked.nothing(), QualityPolicy(allow_empty_days=good), site=site)


@pytest.fixture
def reports(blobs) -> Reports:
    return Reports(blobs)


def test_a_refusal_lasts_until_the_partition_is_committed(reports):
    first, refused = report("2026-03-07", good=True), report("2026-03-07", good=False)
    reports.keep(first)
    reports.keep(refused)
    assert reports.committed("shop") == [first]
    assert reports.refused("shop") == [refused]
    assert reports.blobs.list("events/shop/") == [
        f"events/shop/{folder}/2026-03-07.{kind}" for folder in ("refused", "reports") for kind in ("html", "json")
    ]
    assert reports.page(refused).endswith("events/shop/refused/2026-03-07.html")
    reports.keep(first)
    assert reports.refused("shop") == []
    assert reports.blobs.list("events/shop/refused/") == []
    assert reports.blobs.get("events/shop/reports/2026-03-07.html") == first.to_html()


def test_reports_are_found_by_day_in_order_of_time(reports):
    for key in ("2026-03-08T05", "2026-03-07", "2026-03-08T04", "2026-03-09"):
        reports.keep(report(key, good=False))
    reports.keep(report("2026-03-08", good=False, site="shop_two"))
    undated = judged(UNDATED, Checked.nothing(), QualityPolicy(), site="shop", unreadable="no")
    reports.keep(undated)
    found = reports.refused("shop", date(2026, 3, 8), date(2026, 3, 9))
    assert [each.partition for each in found] == ["2026-03-08T04", "2026-03-08T05"]
    assert len(reports.refused("shop")) == 5
    assert reports.committed("shop") == []
