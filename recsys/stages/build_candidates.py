"""From the event log to what could be shown: top_popular, similar, candidates_train, candidates_inference.

Each moment sees only what was known before it: the starts of the label windows (what the ranker learns on), the start
of the evaluation window (what the release is judged on), and as_of (what is served).
"""

from datetime import datetime

import numpy as np
import polars as pl
from pydantic import AwareDatetime

from recsys import columns as c
from recsys.candidates.pool import generator_report
from recsys.candidates.popularity import top_popular
from recsys.datasets.manifest import Manifest
from recsys.datasets.splits import Window, cut_windows
from recsys.datasets.store import data_hash
from recsys.errors import NotEnoughData
from recsys.features.feature_set import FeatureSet
from recsys.ranking.training_rows import drawn, gains, training_rows
from recsys.releases import files as f
from recsys.releases.identity import code_version, config_hash, release_id
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import EXPLAINED_BY, PAIR, Log, partitions_before
from recsys.serving.files import CATALOGUE
from recsys.serving.lifecycle import record_release
from recsys.sites import SiteConfig
from recsys.stages import erase_users
from recsys.stages.context import StageContext, open_context
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


def run(*, site: SiteId, as_of: datetime | None = None, context: StageContext | None = None) -> CandidatesReport:
    """Builds the candidates of the release that log, configuration, code and ``as_of`` determine; safe to run again.

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
    manifest = _describe(config, manifests, as_of)
    state = record_release(context.dsn, site, manifest.release_id, as_of=as_of, at=context.now())
    if state != "building":
        return CandidatesReport(site=site, release_id=manifest.release_id, as_of=as_of, unchanged=True, rows={})
    log = Log.read(context.datasets, config, as_of=as_of, erased=context.erased(site))
    store = f.ReleaseFiles(context.blobs, site, manifest.release_id)
    frames = {**to_learn(log, as_of), **to_judge(log, as_of), **_to_serve(log, as_of)}
    written = {name: store.put_frame(name, frame) for name, frame in frames.items()}
    of_the_data = {name: facts for name, facts in written.items() if name != f.GENERATORS}  # no two runs take as long
    store.put_json(f.MANIFEST, manifest.with_files(of_the_data).model_dump(mode="json"))
    rows = {name: frame.height for name, frame in frames.items()}
    return CandidatesReport(site=site, release_id=manifest.release_id, as_of=as_of, unchanged=False, rows=rows)


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


def _to_serve(log: Log, as_of: datetime) -> dict[str, pl.DataFrame]:
    """What can be shown from ``as_of`` on."""
    site = log.site
    moment = log.at(as_of, rng=_rng(site))
    similar = moment if site.proposes(EXPLAINED_BY.kind) else log.at(as_of, rng=_rng(site), specs=[EXPLAINED_BY])
    recall = moment.recall
    return {
        f.CANDIDATES_INFERENCE: moment.rows(moment.users, k=site.candidates_per_source),
        f.SIMILAR: similar.explainer.similar(site.serving.similar_size),
        f.TOP_POPULAR: top_popular(recall.interactions, recall.items, n=POPULAR_ITEMS, per_category=POPULAR_ITEMS),
        f.ITEMS: recall.items.select(list(CATALOGUE)),
        f.EXCLUDED: moment.bought,
        f.CLICK_RATES: recall.knowledge.click_rates,
    }


def _describe(config: SiteConfig, manifests: list[Manifest], as_of: datetime) -> ReleaseManifest:
    digest = data_hash(manifests)
    return ReleaseManifest(
        release_id=release_id(config, as_of=as_of, data_hash=digest),
        site=config.site,
        as_of=as_of,
        data_hash=digest,
        partitions=len(manifests),
        config_hash=config_hash(config),
        code_version=code_version(),
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
