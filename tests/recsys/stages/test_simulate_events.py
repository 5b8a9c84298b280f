import gzip
from datetime import date

import pytest

from recsys.errors import ConfigError
from recsys.events import Interaction
from recsys.sites import add_site
from recsys.stages import simulate_events
from recsys.stages.context import StageContext, open_context

DAY = date(2025, 6, 2)


@pytest.fixture
def context(settings) -> StageContext:
    add_site(settings.sites_dir, "demo_shop")
    return open_context(settings)


def test_files_hold_every_event_in_its_wire_form(context, tmp_path):
    report = simulate_events.run(site="demo_shop", first=DAY, days=2, out=tmp_path / "raw", context=context)
    names = sorted(path.name for path in (tmp_path / "raw").iterdir())
    assert names == [f"{what}-2025-06-0{day}.ndjson.gz" for what in ("events", "items") for day in (2, 3)]
    assert sorted(report.files) == [str(tmp_path / "raw" / name) for name in names]
    lines = [
        line for name in names[:2] for line in gzip.decompress((tmp_path / "raw" / name).read_bytes()).splitlines()
    ]
    assert len({Interaction.model_validate_json(line).event_id for line in lines}) == report.events > 5_000


def test_the_same_call_writes_the_same_bytes(context, tmp_path):
    once, twice = tmp_path / "once", tmp_path / "twice"
    for folder in (once, twice):
        simulate_events.run(site="demo_shop", first=DAY, days=1, out=folder, context=context)
    assert [p.read_bytes() for p in sorted(once.iterdir())] == [p.read_bytes() for p in sorted(twice.iterdir())]


def test_a_site_with_real_files_and_no_days_are_refused(context, settings, tmp_path):
    add_site(settings.sites_dir, "online_retail", from_dir=tmp_path)
    with pytest.raises(ConfigError, match=r"site 'online_retail': found source 'online_retail', expected 'simulator'"):
        simulate_events.run(site="online_retail", first=DAY, days=1, out=tmp_path, context=context)
    with pytest.raises(ConfigError, match="days: found 0, expected at least 1"):
        simulate_events.run(site="demo_shop", first=DAY, days=0, out=tmp_path, context=context)
