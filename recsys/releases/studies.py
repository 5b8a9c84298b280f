"""Searches for better parameters: what was planned, each trial, and the winner that the next training uses.

``tuning/<site>/<study>/plan.json`` and ``trials/<number>.json``; ``tuning/<site>/winner.json`` holds, for each part
that was tuned, the parameters that beat the site's own.
"""

import json
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import polars as pl
from pydantic import AwareDatetime, PositiveInt

from recsys.datasets.blobs import Blobs
from recsys.errors import DataError
from recsys.evaluation.search import Number, Params, Trial
from recsys.types import Frozen, SiteId


class Plan(Frozen):
    """One search over the parameters of one part."""

    study: str
    "Part, and fingerprint of data, configuration and space: the same search has the same name."
    part: str
    "Kind of generator, or ranker."
    as_of: AwareDatetime
    space: dict[str, tuple[Number, ...]]
    trials: PositiveInt
    windows: tuple[tuple[AwareDatetime, AwareDatetime], ...]
    "Validation windows (start, exclusive end), the latest first; all before the evaluation window."


@dataclass(frozen=True)
class Studies:
    """The searches of one site."""

    blobs: Blobs
    site: SiteId

    def put_plan(self, plan: Plan) -> None:
        self.blobs.put(self._key(plan.study, "plan.json"), plan.model_dump_json(indent=1).encode())

    def plan(self, study: str) -> Plan:
        """Raises DataError where the study was not planned."""
        if not self.blobs.exists(self._key(study, "plan.json")):
            raise DataError(f"site {self.site}: found no study {study!r}, expected one that was planned; plan it first")
        return Plan.model_validate_json(self.blobs.get(self._key(study, "plan.json")))

    def put_trial(self, study: str, trial: Trial) -> None:
        self.blobs.put(self._key(study, f"trials/{trial.number:05}.json"), trial.model_dump_json().encode())

    def trials(self, study: str) -> dict[int, Trial]:
        """What was tried so far, by number."""
        keys = self.blobs.list(self._key(study, "trials/"))
        found = [Trial.model_validate_json(self.blobs.get(key)) for key in keys]
        return {trial.number: trial for trial in found}

    def put_frame(self, study: str, name: str, frame: pl.DataFrame) -> None:
        content = BytesIO()
        frame.write_parquet(content)
        self.blobs.put(self._key(study, f"{name}.parquet"), content.getvalue())

    def frame(self, study: str, name: str) -> pl.DataFrame:
        return pl.read_parquet(BytesIO(self.blobs.get(self._key(study, f"{name}.parquet"))))

    def has_frame(self, study: str, name: str) -> bool:
        return self.blobs.exists(self._key(study, f"{name}.parquet"))

    def _key(self, study: str, name: str) -> str:
        return f"tuning/{self.site}/{study}/{name}"


class Winner(dict[str, dict[str, Any]]):
    """Parameters by part; empty where nothing was found that beats the site's own."""

    @classmethod
    def of(cls, blobs: Blobs, site: SiteId) -> "Winner":
        key = f"tuning/{site}/winner.json"
        return cls(json.loads(blobs.get(key))) if blobs.exists(key) else cls()

    def with_part(self, part: str, params: Params) -> "Winner":
        """The same with this part's parameters; none: the part is the site's own again."""
        others = {name: found for name, found in self.items() if name != part}
        return Winner({**others, part: dict(params)} if params else others)

    def keep(self, blobs: Blobs, site: SiteId) -> None:
        """Used from the next training on."""
        content = json.dumps(dict(sorted(self.items())), sort_keys=True, indent=1)
        blobs.put(f"tuning/{site}/winner.json", content.encode())
