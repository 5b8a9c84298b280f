"""What travels with a release so that its ranker can score at request time: see ``recsys.serving.scoring``."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.history import History, decay
from recsys.candidates.item_item import ItemItem, ItemItemParams
from recsys.features.build import NO_CATEGORY, Knowledge
from recsys.features.exact import exact
from recsys.features.feature_set import FeatureSet
from recsys.ranking.candidate_rows import EVIDENCE_DEPTH
from recsys.ranking.ranker import Ranker
from recsys.releases import files as f
from recsys.releases.manifest import ReleaseManifest
from recsys.releases.moments import Moment
from recsys.serving.scoring.form import FORM, ITEMS, USERS, Form, Neighbourhood
from recsys.serving.scoring.rows import DERIVED
from recsys.sites import SiteConfig

ITEM_PARTS: Final = pl.Schema({c.ITEM_ID: pl.String(), c.CATEGORY: pl.Int32(), c.FACTS: pl.Binary()})
"""One row per item, sorted; its place is its number. ``category``: its number in the form."""
USER_PARTS: Final = pl.Schema(
    {
        c.USER_ID: pl.String(),
        c.FACTS: pl.Binary(),
        **{name: pl.Binary() for kind in (c.TASTES, c.ENCOUNTERS, c.EVIDENCE) for name in (c.keys_of(kind), kind)},
    }
)
"""One row per user with a history, sorted. Little-endian numbers: facts Float64, keys UInt32, the others Float32."""


def put_parts(store: f.ReleaseFiles, manifest: ReleaseManifest, ranker: Ranker, moment: Moment) -> dict[str, Any]:
    """The parts lie with the release, where its site asks for them; what a manifest says of them.

    The same candidates, ranker and moment give the same bytes.
    """
    site = manifest.site_config()
    policy = site.serving.online_ranking
    if not policy.enabled:
        return {}
    known, candidates = described(site, moment), store.get_frame(f.CANDIDATES_INFERENCE)
    mean_weight = float(decay(moment.recall.interactions, None).mean())
    form = form_of(site, known, mean_weight=mean_weight, model_sha256=manifest.files[f.CATBOOST_MODEL].sha256)
    users = user_parts(form, known, candidates, ranker.score(candidates), at_most=policy.candidates)
    return {
        USERS: store.put_frame(USERS, users),
        ITEMS: store.put_frame(ITEMS, item_parts(form, known)),
        FORM: store.put_json(FORM, form.model_dump(mode="json")),
    }


def described(site: SiteConfig, moment: Moment) -> Knowledge:
    """What is known, with the weights that a few events more are added to: a user's, and those of similar items."""
    recall = moment.recall
    knowledge = recall.knowledge
    weight = exact(pl.col(c.WEIGHT).cast(pl.Float64).sum())
    known = replace(
        knowledge,
        users=knowledge.users.join(recall.interactions.group_by(c.USER_ID).agg(weight), on=c.USER_ID, how="left"),
    )
    spec = next((spec for spec in site.candidates if spec.kind == ItemItem.name), None)
    if spec is None:
        return known
    half_life = ItemItemParams.model_validate(spec.params).query_half_life_days
    history = History.of(recall.interactions, half_life_days=half_life, repeats="best")
    weights = history.matrix.tocoo()
    pairs = {c.USER_ID: history.users.gather(weights.row), c.ITEM_ID: history.items.gather(weights.col)}
    asked = pl.DataFrame({**pairs, c.WEIGHT: weights.data})
    return replace(known, encounters=knowledge.encounters.join(asked, on=[c.USER_ID, c.ITEM_ID], how="left"))


def form_of(site: SiteConfig, knowledge: Knowledge, *, mean_weight: float, model_sha256: str) -> Form:
    """Which columns the parts of a site's ranker have; ``knowledge`` is as ``described``."""
    features = FeatureSet.of_site(site)
    wanted = {*features.numeric, c.WEIGHT}
    inputs = {name for derived in wanted & DERIVED.keys() for name in DERIVED[derived][:2]}
    held = {
        kind: tuple(name for name in getattr(knowledge, kind).columns if name in wanted | inputs)
        for kind in ("users", "items", "encounters", "tastes")
    }
    elsewhere = {*DERIVED, *(name for names in held.values() for name in names)}
    categories = knowledge.items[c.CATEGORY].drop_nulls().unique().sort().to_list()
    return Form(
        feature_hash=features.hash,
        model_sha256=model_sha256,
        **held,
        evidence=tuple(name for name in features.numeric if name not in elsewhere),
        categories=(NO_CATEGORY, *categories),
        neighbourhood=Neighbourhood(
            source=ItemItem.name, unit=mean_weight, depth=site.candidates_per_source * EVIDENCE_DEPTH
        )
        if site.proposes(ItemItem.name)
        else None,
    )


def item_parts(form: Form, knowledge: Knowledge) -> pl.DataFrame:
    """Schema ITEM_PARTS."""
    items = knowledge.items.sort(c.ITEM_ID)
    facts = _matrix(items, form.items, np.float64)
    packed = pl.Series(c.FACTS, [row.tobytes() for row in facts], dtype=pl.Binary)
    return items.select(c.ITEM_ID, _number(form), packed).cast(ITEM_PARTS)


def user_parts(
    form: Form, knowledge: Knowledge, candidates: pl.DataFrame, scores: NDArray[np.float64], *, at_most: int
) -> pl.DataFrame:
    """Schema USER_PARTS.

    Args:
        form: says which columns.
        knowledge: of the moment that the candidates are of.
        candidates: one row per user and item with the evidence.
        scores: the ranker's, one per row.
        at_most: candidates kept per user, those of the highest scores.
    """
    users = knowledge.users.sort(c.USER_ID)
    numbers = knowledge.items.sort(c.ITEM_ID).select(c.ITEM_ID).with_row_index(_KEY)
    place = pl.col(c.SCORE).rank("ordinal", descending=True).over(c.USER_ID)
    best = candidates.select(c.USER_ID, c.ITEM_ID, *form.evidence).with_columns(pl.Series(c.SCORE, scores))
    evidence = best.filter(place <= at_most).join(numbers, on=c.ITEM_ID)
    encounters = knowledge.encounters.join(numbers, on=c.ITEM_ID)
    tastes = knowledge.tastes.with_columns(_number(form).alias(_KEY))
    columns: dict[str, Any] = {
        c.USER_ID: users[c.USER_ID],
        c.FACTS: [row.tobytes() for row in _matrix(users, form.users, np.float64)],
    }
    for kind, rows in ((c.TASTES, tastes), (c.ENCOUNTERS, encounters), (c.EVIDENCE, evidence)):
        ordered = rows.join(users.select(c.USER_ID), on=c.USER_ID, how="semi").sort(c.USER_ID, _KEY)
        ends = _ends(ordered, users[c.USER_ID])
        columns[c.keys_of(kind)] = _cut(ordered[_KEY].cast(pl.UInt32).to_numpy(), ends)
        columns[kind] = _cut(_matrix(ordered, getattr(form, kind), np.float32), ends)
    return pl.DataFrame(columns, schema=USER_PARTS)


def _number(form: Form) -> pl.Expr:
    known = list(form.categories[1:])
    return pl.col(c.CATEGORY).replace_strict(known, range(1, len(known) + 1), default=0, return_dtype=pl.Int32)


def _matrix(frame: pl.DataFrame, names: Sequence[str], kind: type[np.floating]) -> NDArray[np.floating]:
    """Shape (rows, names); NaN for null."""
    empty = np.empty((frame.height, 0), dtype=kind)
    columns = [frame[name].cast(pl.Float64).to_numpy().astype(kind)[:, None] for name in names]
    return np.ascontiguousarray(np.concatenate([empty, *columns], axis=1))


def _ends(ordered: pl.DataFrame, users: pl.Series) -> list[int]:
    """Where the rows of each user end."""
    counts = ordered.group_by(c.USER_ID).agg(pl.len().alias(_KEY))
    found = users.to_frame().join(counts, on=c.USER_ID, how="left", maintain_order="left")[_KEY]
    ends: list[int] = found.fill_null(0).cum_sum().to_list()
    return ends


def _cut(values: NDArray[Any], ends: Sequence[int]) -> list[bytes]:
    def parts() -> Iterator[bytes]:
        start = 0
        for end in ends:
            yield values[start:end].tobytes()
            start = end

    return list(parts())


_KEY = "_key"
