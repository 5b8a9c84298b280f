"""What all generators propose, together: as a pool of rows, and as one row per pair."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys import columns as c
from recsys.candidates.generator import CANDIDATES, CandidateGenerator
from recsys.steps import Steps
from recsys.types import UserId

PAIR = [c.USER_ID, c.ITEM_ID]
COSTS: Final = pl.Schema({c.SOURCE: pl.String(), c.PROPOSED: pl.Int64(), c.SECONDS: pl.Float64()})


def no_pairs() -> pl.DataFrame:
    """An empty frame of pairs: nothing is excluded."""
    return pl.DataFrame(schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String})


def no_session_pairs() -> pl.DataFrame:
    """The same for sessions."""
    return pl.DataFrame(schema={c.SESSION_ID: pl.String, c.ITEM_ID: pl.String})


def candidate_pool(
    generators: Sequence[CandidateGenerator], users: Sequence[UserId], *, k: int, exclude: pl.DataFrame
) -> pl.DataFrame:
    """The answers of all generators, which are fitted, under each other: schema CANDIDATES.

    A pair may come from several sources.
    """
    return measured_pool(generators, users, k=k, exclude=exclude)[0]


def measured_pool(
    generators: Sequence[CandidateGenerator],
    users: Sequence[UserId],
    *,
    k: int,
    exclude: pl.DataFrame,
    steps: Steps | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same, and what it cost: source, proposed (rows), seconds of each generator; ``steps`` takes it down too."""
    steps = steps or Steps()
    answers, costs = [CANDIDATES.to_frame()], []
    for generator in generators:
        with steps.measured(f"ask {generator.name}") as rows:
            with threadpool_limits(1, "blas"):  # generators thread over users themselves
                answers.append(generator.generate(users, k=k, exclude=exclude))
            rows.append(answers[-1].height)
        costs.append((generator.name, answers[-1].height, steps.ended[-1].seconds))
    return pl.concat(answers), pl.DataFrame(costs, schema=COSTS, orient="row")


def proposed_within(pool: pl.DataFrame, k: int) -> pl.DataFrame:
    """The rows of ``pool``, in their order, of pairs that any of its sources has among its first ``k``."""
    numbers = pl.Series(_numbered(pool)[2])
    return pool.filter(numbers.is_in(numbers.filter(pool[c.RANK] <= k).unique().implode()))


def one_row_per_pair(pool: pl.DataFrame, sources: Sequence[str]) -> pl.DataFrame:
    """Each pair once, with the evidence of every source.

    Returns:
        user_id, item_id, then for each source ``<source>_score`` (its score), ``<source>_share`` (over its best score
        for that user) and ``<source>_rank``, all null where it did not propose the pair; ``n_sources``. Sorted by pair.
    """
    users, items, numbers = _numbered(pool)
    pairs, row = np.unique(numbers, return_inverse=True)
    user = numbers // max(1, len(items))
    evidence = {
        c.USER_ID: users.gather(pairs // max(1, len(items))),
        c.ITEM_ID: items.gather(pairs % max(1, len(items))),
    }
    scores = pool[c.SCORE].to_numpy()
    for source in sources:
        rows_of = (pool[c.SOURCE] == source).arg_true().to_numpy()
        best = np.full(len(users), -np.inf)
        np.maximum.at(best, user[rows_of], scores[rows_of])
        told = pool[rows_of].select(c.SCORE, c.RANK, pl.Series(_SHARE, best[user[rows_of]]))
        told = told.with_columns(pl.when(pl.col(_SHARE) > 0).then(pl.col(c.SCORE) / pl.col(_SHARE)).alias(_SHARE))
        where = np.full(len(pairs), len(rows_of), dtype=np.uint32)
        where[row[rows_of]] = np.arange(len(rows_of))
        told = pl.concat([told, told.clear(1)])[where]  # the last row, of nulls, is that of pairs it did not propose
        evidence[c.source_score(source)] = told[c.SCORE].cast(pl.Float32)
        evidence[c.source_share(source)] = told[_SHARE].cast(pl.Float32)
        evidence[c.source_rank(source)] = told[c.RANK]
    counts = pl.Series(np.bincount(row, minlength=len(pairs)), dtype=pl.Int32)
    return pl.DataFrame({**evidence, c.N_SOURCES: counts})


def generator_report(pool: pl.DataFrame, truth: pl.DataFrame, ks: Sequence[int]) -> pl.DataFrame:
    """How much of the truth each source finds.

    Args:
        pool: schema CANDIDATES.
        truth: distinct pairs (user_id, item_id).
        ks: depths, by each source's own rank.

    Returns:
        source ("pool": all of them), k, recall (mean over the users of ``truth``), hits, unique_hits (found by no other
        source at that depth). Sources in the pool's order.
    """
    sizes = truth.group_by(c.USER_ID).agg(pl.len().alias(_SIZE))
    found = pool.join(truth.select(PAIR), on=PAIR, how="semi")
    sources = pool[c.SOURCE].unique(maintain_order=True)
    rows = []
    for k in ks:
        near = found.filter(pl.col(c.RANK) <= k).with_columns(pl.len().over(PAIR).alias(c.N_SOURCES))
        by_source = [(source, near.filter(pl.col(c.SOURCE) == source)) for source in sources]
        for source, hits in [*by_source, (_POOL, near.unique(PAIR))]:
            per_user = hits.group_by(c.USER_ID).agg(pl.len().alias(c.HITS)).join(sizes, on=c.USER_ID)
            recall = per_user.select((pl.col(c.HITS) / pl.col(_SIZE)).sum()).item() / max(1, sizes.height)
            alone = hits.filter(pl.col(c.N_SOURCES) == 1).height
            rows.append((source, k, recall, hits.height, alone))
    schema = {c.SOURCE: pl.String, c.K: pl.Int32, c.RECALL: pl.Float64, c.HITS: pl.Int64, c.UNIQUE_HITS: pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


_SHARE = c.SHARE
_SIZE = c.TRUTH_SIZE
_POOL = "pool"


def _numbered(pool: pl.DataFrame) -> tuple[pl.Series, pl.Series, NDArray[np.int64]]:
    """The distinct users and items, each sorted, and a number for each row: pairs are in order by it."""
    users, items = (pool[name].unique().sort() for name in PAIR)
    user, item = (
        pool[name].cast(pl.Enum(known)).to_physical().cast(pl.Int64).to_numpy()
        for name, known in zip(PAIR, (users, items), strict=True)
    )
    return users, items, user * len(items) + item
