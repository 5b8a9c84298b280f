"""Which arm of which experiment a user is answered by: from the user's id alone, on every host the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from recsys.serving.assignment import Assigner
from recsys.sites.blend_policy import BlendPolicy
from recsys.sites.experiment import Experiment
from recsys.types import ReleaseId, UserId


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one user is answered."""

    label: str
    "What the answer and its impression say: ``live``, or the user's arm of each experiment, separated by blanks."
    release_id: ReleaseId | None = None
    "None: whichever is live."
    mode: Literal["blended", "offline", "online", "popular"] | None = None
    "None: as the request asks."
    blend: BlendPolicy | None = None
    "None: as the site mixes."


UNTREATED: Final = Treatment("live")
"""Of who takes part in nothing."""


class Arms:
    """The experiments of one site that run, each with the share of users who get something other than its control."""

    def __init__(self, running: Iterable[tuple[Experiment, float]]) -> None:
        self._trials = [
            (
                Assigner(experiment, ramp),
                {
                    arm.name: Treatment(experiment.label(arm.name), arm.release_id, arm.mode, arm.blend)
                    for arm in experiment.arms
                },
            )
            for experiment, ramp in running
        ]

    def of(self, user_id: UserId | None) -> Treatment:
        """The user's treatment. Where several layers' experiments name a release, a mode or a blend, the first does."""
        found = [arms[arm] for assigner, arms in self._trials if (arm := assigner.arm(user_id)) is not None]
        if not found:
            return UNTREATED
        if len(found) == 1:
            return found[0]
        return Treatment(
            " ".join(treatment.label for treatment in found),
            next((treatment.release_id for treatment in found if treatment.release_id is not None), None),
            next((treatment.mode for treatment in found if treatment.mode is not None), None),
            next((treatment.blend for treatment in found if treatment.blend is not None), None),
        )
