"""A partition is not read again while its files, the rules and the code are what they were."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from recsys.events.sources.tables import TableSource
from recsys.layout import Settings
from recsys.stages import ingest_events, unchanged
from recsys.stages.context import StageContext, open_context
from recsys.stages.ingest_events import IngestReport

FIRST = date(2026, 3, 1)
YAML = """
site: small
source:
  kind: csv
  params:
    path: "{folder}/{{day}}.csv"
    columns: {{user_id: user, item_id: item, event_type: {{constant: view}}, timestamp: at}}
interactions: [{{name: view}}]
serving: {{exclude_bought: false, purchase_event: view}}
quality: {{max_bad_share: {max_bad_share}}}
"""


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
        write(tmp_path / "raw", day, "i1", "i2")
    return tmp_path / "raw"


def write(raw: Path, day: str, *items: str) -> None:
    (raw / f"{day}.csv").write_text("user,item,at\n" + "".join(f"u1,{item},{day}T10:00:00Z\n" for item in items))


@pytest.fixture
def context(settings: Settings, raw: Path) -> StageContext:
    quiet = settings.model_copy(update={"recsys_postgres_password": SecretStr("")})
    quiet.sites_dir.mkdir(parents=True)
    (quiet.sites_dir / "small.yaml").write_text(YAML.format(folder=raw, max_bad_share=0.2))
    return open_context(quiet)


def ingest(context: StageContext, days: int = 3) -> IngestReport:
    return ingest_events.run(site="small", first=FIRST, days=days, context=context)


def test_the_same_files_are_not_read_again(context: StageContext, monkeypatch: pytest.MonkeyPatch):
    first = ingest(context)
    written = context.blobs.modified("")
    monkeypatch.setattr(TableSource, "read", lambda *_: pytest.fail("was read again"))
    again = ingest(context)
    assert (first.unchanged, again.unchanged) == (0, 3)
    assert again.model_copy(update={"unchanged": 0}) == first
    assert context.blobs.modified("") == written


def test_a_file_that_changed_is_read_again(context: StageContext, raw: Path):
    before = ingest(context)
    write(raw, "2026-03-02", "i1", "i2", "i3")
    after = ingest(context)
    assert after.unchanged == 0
    assert (before.counts.kept, after.counts.kept) == (6, 7)
    assert ingest(context, days=1).unchanged == 1


def test_other_rules_and_other_code_read_again(context: StageContext, raw: Path, monkeypatch: pytest.MonkeyPatch):
    ingest(context)
    (context.settings.sites_dir / "small.yaml").write_text(YAML.format(folder=raw, max_bad_share=0.3))
    assert ingest(context).unchanged == 0
    assert ingest(context).unchanged == 3
    monkeypatch.setattr(unchanged, "code_version", lambda: "other")
    assert ingest(context).unchanged == 0
