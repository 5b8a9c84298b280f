"""Fitted generators as files: arrays, tables and JSON, for any machine that has this library. Nothing is pickled.

``generator.json`` says kind, params and what was learned; ``arrays.npz`` has the arrays, and the parts of the sparse
matrices; each table, and each list of ids, is a Parquet file of its own. The same state gives the same bytes.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys import columns as c
from recsys.candidates.generator import CandidateGenerator, State
from recsys.candidates.registry import build_generators
from recsys.errors import ReleaseError
from recsys.sites.config import ComponentSpec

DESCRIPTION: Final = "generator.json"
ARRAYS: Final = "arrays.npz"
FORMAT: Final = 1
"""Of the files; raised when older ones can no longer be read."""
PARTS: Final = ("data", "indices", "indptr", "shape")
"""Of a sparse matrix."""


def save(generator: CandidateGenerator, folder: Path) -> None:
    """Writes what ``generator`` has learned into ``folder``, which is made when absent.

    Raises:
        NotFittedError: before ``fit``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = generator.state()
    arrays: dict[str, NDArray[Any]] = {}
    for name, learned in state.items():
        if isinstance(learned, sp.csr_matrix):
            arrays |= {f"{name}.{part}": np.asarray(getattr(learned, part)) for part in PARTS}
        elif isinstance(learned, pl.Series | pl.DataFrame):
            table = learned.to_frame() if isinstance(learned, pl.Series) else learned
            table.write_parquet(folder / f"{name}.parquet", compression="zstd")
        else:
            arrays[name] = np.asarray(learned)
    np.savez(folder / ARRAYS, allow_pickle=False, **arrays)
    described = {
        "format": FORMAT,
        c.KIND: generator.name,
        "params": generator.params.model_dump(mode="json"),
        "state": {name: _form(learned) for name, learned in state.items()},
    }
    (folder / DESCRIPTION).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> CandidateGenerator:
    """The generator saved in ``folder``, fitted: it answers as the one that was saved.

    Raises:
        ReleaseError: the files are of a format that this version does not know.
    """
    described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    if described["format"] != FORMAT:
        raise ReleaseError(
            f"{folder / DESCRIPTION}: found format {described['format']}, expected {FORMAT}; load it with the version "
            "of this library that wrote it, or train again"
        )
    [generator] = build_generators([ComponentSpec(kind=described[c.KIND], params=described["params"])])
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        state: State = {name: _read(folder, arrays, name, form) for name, form in described["state"].items()}
    return generator.restore(state)


def _form(learned: Any) -> str:
    if isinstance(learned, sp.csr_matrix):
        return "matrix"
    return {pl.Series: "ids", pl.DataFrame: "table"}.get(type(learned), "array")


def _read(folder: Path, arrays: Any, name: str, form: str) -> Any:
    if form == "matrix":
        data, indices, indptr, shape = (arrays[f"{name}.{part}"] for part in PARTS)
        return sp.csr_matrix((data, indices, indptr), shape=tuple(shape))
    if form == "array":
        return arrays[name]
    table = pl.read_parquet(folder / f"{name}.parquet")
    return table.to_series() if form == "ids" else table
