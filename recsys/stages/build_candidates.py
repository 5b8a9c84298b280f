"""From the event log to what could be shown: top_popular, similar, candidates_train, candidates_inference.

Each moment sees only what was known before it: the starts of the label windows (what the ranker learns on), the start
of the evaluation window (what the release is judged on), and as_of (what is served).
"""

import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import AwareDatetime

from recsys import columns as c
from recsys.candidates.generator import CandidateGenerator
from recsys.candidates.pool import generator_report
from recsys.candidates.popularity import top_popular
from recsys.candidates.saving import save
from recsys.datasets.manifest import Manifest
from recsys.datasets.splits import Window, cut_windows
from recsys.datasets.store import data_hash
from recsys.errors import NotEnoughData
from recsys.features.feature_set import FeatureSet
from recsys.ranking.training_rows import drawn, gains, training_rows
from recsys.releases import files as f
from recsys.releases.identity import code_version, config_hash, git_commit, release_id
from recsys.releases.lineage import Lineage
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import EXPLAINED_BY, PAIR, Log, partitions_before
from recsys.serving.files import CATALOGUE
from recsys.serving.lifecycle import record_release
from recsys.sites import SiteConfig
from recsys.stages import erase_users
from recsys.stages.context import StageContext, open_context
from recsys.stages.making import making
from recsys.steps import Step
from recsys.types import Frozen, ReleaseId, SiteId

DEPTHS = (10, 20, 50)
"""Where each generator's recall is looked at, beside its full depth."""
POPULAR_ITEMS = 100
"""Length of the default list, and of each category's."""


class CandidatesReport(Frozen):
    """What was built."""

    site: SiteId
    release_id: ReleaseId
    as_of: AwareDatetime
    unchanged: bool
    "True: this data, configuration and code were judged before; nothing was built."
    rows: dict[str, int]
    "By file."
    steps: tuple[Step, ...] = ()
    "What it cost; none where it was built before."


def run(*, site: SiteId, as_of: datetime | None = None, context: StageContext | None = None) -> CandidatesReport:
    """Builds the candidates of the release that log, configuration, code and ``as_of`` determine.

    Run again, it finds them built and computes nothing.

    Users who asked to be forgotten leave the log first.

    Args:
        site: which site.
        as_of: exclusive, UTC; by default the end of the log: where its last partition ends.
        context: stores; by default those of the environment.

    Raises:
        NotEnoughData: the log does not reach over the label and evaluation windows.
    """
    context = context or open_context()
    config = context.tuned_site(site)
    erase_users.run(site=site, context=context)
    manifests = partitions_before(context.datasets, site, as_of)
    as_of = as_of or _end_of(manifests, site)
    manifest = describe(config, manifests, as_of)
    by = "stage build_candidates"
    state = record_release(context.dsn, site, manifest.release_id, as_of=as_of, at=context.now(), by=by)
    if state != "building":
        return CandidatesReport(site=site, release_id=manifest.release_id, as_of=as_of, unchanged=True, rows={})
    store = f.ReleaseFiles(context.blobs, site, manifest.release_id)
    with making(context, site, manifest.release_id, by=by):
        built, steps = _built_before(store), tuple[Step, ...]()
        if built is None:
            log = Log.read(context.datasets, config, as_of=as_of, erased=context.erased(site), partitions=manifests)
            built = manifest.with_files(build(log, as_of, Lineage(partitions=tuple(manifests)), store))
            store.put_json(f.MANIFEST, built.model_dump(mode="json"))
            steps = tuple(log.steps.ended)
    rows = {name: entry.rows for name, entry in built.files.items() if entry.rows is not None}
    told = {"site": site, "release_id": manifest.release_id, "as_of": as_of}
    return CandidatesReport(**told, unchanged=False, rows=rows, steps=steps)


def build(log: Log, as_of: datetime, lineage: Lineage, store: f.ReleaseFiles) -> dict[str, dict[str, Any]]:
    """Writes candidates, what is served beside them, the fitted generators and the lineage; says what a manifest needs.

    The same log, ``as_of`` and lineage give the same bytes.
    """
    served, generators = to_serve(log, as_of)
    frames = {**to_learn(log, as_of), **to_judge(log, as_of), **served}
    with log.steps.measured("write") as rows, tempfile.TemporaryDirectory() as folder:
        written = {name: store.put_frame(name, frame) for name, frame in frames.items()}
        rows.extend(frame.height for frame in frames.values())
        del written[f.GENERATORS]  # no two runs take as long
        for generator in generators:
            save(generator, Path(folder) / generator.name)
        written |= store.put_folder(f.FITTED, Path(folder))
    return {**written, f.LINEAGE: store.put_json(f.LINEAGE, lineage.model_dump(mode="json"))}


def _built_before(store: f.ReleaseFiles) -> ReleaseManifest | None:
    """The manifest, which is put last; None where there is none yet, or a file of it was lost."""
    if not store.has(f.MANIFEST):
        return None
    manifest = ReleaseManifest.model_validate(store.get_json(f.MANIFEST))
    return manifest if f.LINEAGE in manifest.files and all(map(store.has, manifest.files)) else None


def to_learn(log: Log, as_of: datetime) -> dict[str, pl.DataFrame]:
    """What could be shown at the start of each label window, labelled with what then happened."""
    site, rng = log.site, _rng(log.site)
    parts, windows = [], _teaching_windows(log, as_of)
    for window in windows:
        start, end = window.start, window.end
        labels = gains(log.interactions, site.interactions, start=start, end=end, exclude=log.bought_before(start))
        users = drawn(_users(labels), at_most=site.ranker.users // len(windows), rng=rng)
        rows = log.at(start, rng=rng).rows(users, k=site.candidates_per_source)
        parts.append(
            training_rows(
                rows,
                labels,
                as_of=start,
                negatives_per_user=site.ranker.negatives_per_user,
                rng=rng,
                negatives=site.ranker.negatives,
            )
        )
    rows = pl.concat(parts) if parts else pl.DataFrame()
    if rows.is_empty():
        raise NotEnoughData(_too_short(log, as_of))
    return {f.CANDIDATES_TRAIN: rows}


def _teaching_windows(log: Log, as_of: datetime) -> list[Window]:
    """The label windows that something is known before; a young log has fewer than the site asks for."""
    asked = cut_windows(as_of, log.site.windows).labels
    return [window for window in asked if not log.before(window.start).is_empty()]


def to_judge(log: Log, as_of: datetime) -> dict[str, pl.DataFrame]:
    """What could be shown at the start of the evaluation window, and what was right."""
    site, window = log.site, cut_windows(as_of, log.site.windows).evaluation
    moment = log.at(window.start, rng=_rng(site))
    labels = gains(log.interactions, site.interactions, start=window.start, end=window.end, exclude=moment.bought)
    known = moment.recall.items.select(c.ITEM_ID)
    truth = labels.select(PAIR).join(known, on=c.ITEM_ID, how="semi").sort(PAIR)
    pool, costs = moment.recall.measured_pool(_users(truth), k=site.candidates_per_source, exclude=moment.bought)
    depths = sorted({*DEPTHS, site.candidates_per_source})
    return {
        f.CANDIDATES_EVALUATION: moment.recall.rows(pool),
        f.TRUTH: truth,
        f.GENERATORS: generator_report(pool, truth, depths).join(costs, on=c.SOURCE, how="left", maintain_order="left"),
    }


def to_serve(log: Log, as_of: datetime) -> tuple[dict[str, pl.DataFrame], Sequence[CandidateGenerator]]:
    """What can be shown from ``as_of`` on, and the generators that propose it."""
    site = log.site
    moment = log.at(as_of, rng=_rng(site))
    similar = moment if site.proposes(EXPLAINED_BY.kind) else log.at(as_of, rng=_rng(site), specs=[EXPLAINED_BY])
    recall = moment.recall
    with log.steps.measured("similar items") as rows:
        near = similar.explainer.similar(site.serving.similar_size)
        rows.append(near.height)
    frames = {
        f.CANDIDATES_INFERENCE: moment.rows(moment.users, k=site.candidates_per_source),
        f.SIMILAR: near,
        f.TOP_POPULAR: top_popular(recall.interactions, recall.items, n=POPULAR_ITEMS, per_category=POPULAR_ITEMS),
        f.ITEMS: recall.items.select(list(CATALOGUE)),
        f.EXCLUDED: moment.bought,
        f.CLICK_RATES: recall.knowledge.click_rates,
    }
    return frames, recall.generators


def describe(config: SiteConfig, manifests: Sequence[Manifest], as_of: datetime) -> ReleaseManifest:
    """The manifest of the release that these determine, before anything is built."""
    digest = data_hash(manifests)
    return ReleaseManifest(
        release_id=release_id(config, as_of=as_of, data_hash=digest),
        site=config.site,
        as_of=as_of,
        data_hash=digest,
        partitions=len(manifests),
        config_hash=config_hash(config),
        config=config.model_dump(mode="json"),
        code_version=code_version(),
        git_commit=git_commit(),
        feature_hash=FeatureSet.of_site(config).hash,
        seed=config.ranker.seed,
    )


def _users(pairs: pl.DataFrame) -> list[str]:
    return pairs[c.USER_ID].unique().sort().to_list()


def _rng(site: SiteConfig) -> np.random.Generator:
    return np.random.default_rng(site.ranker.seed)


def _end_of(manifests: list[Manifest], site: SiteId) -> datetime:
    if not manifests:
        raise NotEnoughData(
            f"site {site}: found no event log; ingest its events first, such as: recsys backfill --site {site}"
        )
    return manifests[-1].partition.end


def _too_short(log: Log, as_of: datetime) -> str:
    windows = log.site.windows
    days = windows.label_days + windows.evaluation_days
    return (
        f"site {log.site.site}: found a log of {log.interactions.height} events, and nobody in its label windows whose "
        f"success could have been proposed; expected events from more than {days} days before {as_of:%Y-%m-%d} "
        f"({windows.label_days} to learn from, {windows.evaluation_days} to judge on, history before them). "
        "Ingest more days, or shorten windows in the site's YAML"
    )
