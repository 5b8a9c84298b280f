"""Users who asked to be forgotten leave the event log: the partitions they are in are written again without them."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import polars as pl
from pydantic import NonNegativeInt

from recsys import columns as c
from recsys.datasets.erasures import Erasures
from recsys.datasets.landing import Landing
from recsys.datasets.manifest import Manifest, UndatedManifest
from recsys.datasets.store import UNDATED
from recsys.datasets.tables import IMPRESSED, INTERACTED, QUARANTINED, UPDATED
from recsys.events.partition import FORGOTTEN, Checked, naming, without
from recsys.events.quality import QualityReport
from recsys.events.stream.forgetting import is_forgotten
from recsys.events.stream.params import KafkaParams, sane_times
from recsys.serving.feedback import erasure_met, pending_erasures
from recsys.stages.context import StageContext, open_context
from recsys.stages.partitions import commit
from recsys.types import Frozen, SiteId, UserId


class ErasureReport(Frozen):
    """What was taken out of the event log."""

    site: SiteId
    users: NonNegativeInt
    partitions: tuple[str, ...]
    "Written again."
    rows: NonNegativeInt
    "Interactions and impressions that are gone."


def run(*, site: SiteId, context: StageContext | None = None) -> ErasureReport:
    """Nothing that these users did before they asked is in a partition of the log; done again, nothing changes.

    Each rewritten partition says in its counts how many rows were erased. What was set aside keeps file, line and
    reason alone. Landed messages of a stream go too. Old objects, which readers may still hold, go with the next
    ``maintain_storage``. Releases made from now on do not know these users. Killed half-way, the next run goes on.

    Raises:
        StoreError: Postgres or the object store did not answer; requests that were not met stay open.
    """
    context = context or open_context()
    erased = pending_erasures(context.dsn, site)
    report = ErasureReport(site=site, users=len(erased), partitions=(), rows=0)
    if not erased:
        return report
    found: dict[str, dict[UserId, int]] = {}
    for manifest in _affected(context, site, erased):
        key = manifest.partition.key if isinstance(manifest, Manifest) else UNDATED
        found[key] = _rewrite(context, manifest, erased)
    for judgement in (*context.reports.committed(site), *context.reports.refused(site)):
        if _shows(judgement, erased):
            context.reports.keep(judgement.without_rows())
    _forget_messages(context, site, erased)
    log = Erasures(context.blobs, site)
    for user, erased_at in erased.items():
        partitions = [key for key, users in found.items() if user in users]
        log.add(user, erased_at=erased_at, partitions=partitions, rows=sum(found[key][user] for key in partitions))
        erasure_met(context.dsn, site, user, erased_at)
    rows = sum(sum(users.values()) for users in found.values())
    return report.model_copy(update={"partitions": tuple(sorted(found)), "rows": rows})


def _affected(context: StageContext, site: SiteId, erased: Mapping[UserId, datetime]) -> list[UndatedManifest]:
    """Partitions that name one of the users, each once."""
    store = context.datasets
    undated = store.undated(site)
    dated = store.manifests(site)
    told = _told_before(erased)
    blanks = naming(list(erased)) & (pl.col(c.RAW) != FORGOTTEN)
    everywhere: list[UndatedManifest] = [*dated, *([undated] if undated else [])]
    hits = [
        *store.having(INTERACTED, dated, told),
        *store.having(IMPRESSED, dated, told),
        *store.having(QUARANTINED, everywhere, blanks),
    ]
    return list({id(manifest): manifest for manifest in hits}.values())


def _forget_messages(context: StageContext, site: SiteId, erased: Mapping[UserId, datetime]) -> None:
    """What landed of a stream is the raw record of its days; their messages leave it, the offsets stay."""
    config = context.site(site)
    if config.source.kind != "kafka":
        return
    params = KafkaParams.model_validate(config.source.params)
    landing = Landing(context.blobs, site, params.topic)
    for file in landing.files():
        messages = landing.messages(file)
        forgotten = is_forgotten(messages, erased, params.form, sane_times(config.quality))
        if forgotten.any():
            landing.land(file, messages.filter(~forgotten))


def _told_before(erased: Mapping[UserId, datetime]) -> pl.Expr:
    at = pl.col(c.USER_ID).replace_strict(dict(erased), default=None, return_dtype=pl.Datetime("us", "UTC"))
    return pl.col(c.USER_ID).is_in(list(erased)) & (pl.col(c.TIMESTAMP) < at)


def _shows(report: QualityReport, users: Iterable[UserId]) -> bool:
    """Whether a sample row may name one of the users."""
    samples = [sample for part in (report.checks, report.set_aside) for each in part for sample in each.samples]
    return any(user in sample.text for sample in samples for user in users)


def _rewrite(context: StageContext, manifest: UndatedManifest, erased: Mapping[UserId, datetime]) -> dict[UserId, int]:
    """The partition is committed without these users; how many rows of each it had."""
    read = {name: context.datasets.read(name, [manifest]).collect() for name in manifest.tables}
    quarantine = read.pop(QUARANTINED)
    nothing = Checked.nothing()
    before = Checked(
        kept=read.get(INTERACTED, nothing.kept),
        quarantine=quarantine,
        duplicates=manifest.counts.duplicates,
        impressions=read.get(IMPRESSED, nothing.impressions),
        item_updates=read.get(UPDATED, nothing.item_updates),
        erased=manifest.counts.erased,
    )
    after = without(before, erased)
    partition = manifest.partition if isinstance(manifest, Manifest) else None
    commit(context, manifest.site, partition, after, manifest.source_files)
    gone = pl.concat([before.kept.select(c.USER_ID, c.TIMESTAMP), before.impressions.select(c.USER_ID, c.TIMESTAMP)])
    per_user = dict(gone.filter(_told_before(erased))[c.USER_ID].value_counts().rows())
    named = quarantine.filter(naming(list(erased)))
    blanked = {user: 0 for user in erased if not named.filter(naming([user])).is_empty()}
    return blanked | per_user
