from datetime import UTC, date, datetime
from io import StringIO

import pytest
from pydantic import SecretStr
from rich.console import Console

from recsys.errors import PartitionRefused
from recsys.layout import Settings
from recsys.local.status import REFUSED_SHOWN, render, status
from recsys.serving import lifecycle
from recsys.serving.migrate import migrate
from recsys.sites import add_site
from recsys.stages import ingest_events
from recsys.stages.context import open_context

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
FIRST = date(2010, 12, 1)
DAYS = REFUSED_SHOWN + 2
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def write(folder, *, broken: int, good: int) -> None:
    for offset in range(DAYS):
        day = FIRST.replace(day=FIRST.day + offset)
        rows = [f"1,{10000 + n},LAMP,1,{day} 08:00:00,1,{'' if n < broken else 7},UK\n" for n in range(broken + good)]
        (folder / f"{day}.csv").write_text(HEADER + "".join(rows))


def ingest(context) -> None:
    ingest_events.run(site="online_retail", first=FIRST, days=DAYS, context=context)


@pytest.fixture
def shop(settings: Settings, tmp_path):
    """A site on local disk whose days are seven tenths broken; no server runs."""
    folder = tmp_path / "raw"
    folder.mkdir()
    write(folder, broken=7, good=3)
    quiet = settings.model_copy(update={"recsys_postgres_password": SecretStr("")})
    add_site(quiet.sites_dir, "online_retail", from_dir=folder)
    yaml = quiet.sites_dir / "online_retail.yaml"
    yaml.write_text(yaml.read_text().replace("max_bad_share: 0.9", "max_bad_share: 0.2"))
    return quiet, folder


def test_refused_days_are_told_until_they_are_committed(shop):
    settings, folder = shop
    context = open_context(settings)
    with pytest.raises(PartitionRefused, match=f"{DAYS} partitions refused, 0 committed"):
        ingest(context)
    found = status(settings, now=NOW)["sites"]["online_retail"]["refused"]
    assert [each["partition"] for each in found] == [f"2010-12-{1 + n:02}" for n in range(DAYS)]
    assert found[0]["why"] == "found 7 of 10 rows bad (70.0%), expected at most 20.0%: missing_customer 7"
    assert found[0]["report"].endswith("events/online_retail/refused/2010-12-01.html")
    console = Console(width=300, record=True, file=StringIO())
    console.print(render(status(settings, now=NOW)))
    shown = console.export_text()
    assert "2010-12-07 refused: found 7 of 10 rows bad (70.0%)" in shown
    assert "2010-12-02" not in shown
    assert "and 2 before were refused" in shown
    write(folder, broken=1, good=9)
    ingest(context)
    assert status(settings, now=NOW)["sites"]["online_retail"]["refused"] == []


@pytest.mark.usefixtures("hasty_s3")
def test_what_was_refused_is_unknown_while_the_event_log_cannot_be_read(shop):
    settings, _ = shop
    away = settings.model_copy(update={"recsys_data_url": "s3://recsys/data"})
    assert status(away, now=NOW)["sites"]["online_retail"]["refused"] is None


def test_a_newest_release_that_was_refused_is_told_with_the_sentence_why(createdb, tmp_path):
    settings = createdb().model_copy(update={"recsys_home": tmp_path, "recsys_data_url": str(tmp_path / "data")})
    dsn = settings.postgres_dsn()
    migrate(dsn)
    add_site(settings.sites_dir, "demo_shop")
    for number, state in enumerate(("gated", "refused")):
        at = NOW.replace(hour=number)
        lifecycle.record_release(dsn, "demo_shop", f"r{number}", as_of=at, at=at, state=state, reason="Refused: why.")
    found = status(settings, now=NOW)
    assert found["sites"]["demo_shop"]["not_live"] == {
        "release_id": "r1",
        "state": "refused",
        "reason": "Refused: why.",
    }
    console = Console(width=300, record=True, file=StringIO())
    console.print(render(found))
    assert "the newest release does not go live. Refused: why." in console.export_text()
    at = NOW.replace(hour=2)
    lifecycle.record_release(dsn, "demo_shop", "r2", as_of=at, at=at, state="gated")
    assert status(settings, now=NOW)["sites"]["demo_shop"]["not_live"] is None
