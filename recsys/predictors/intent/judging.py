"""How good a purchase intent is on sessions it has not seen, beside baselines that look at less."""

from collections.abc import Mapping

from recsys.predictors.intent.challenge import weighted_micro_f1
from recsys.predictors.intent.prefixes import NO_CART, Prefixes
from recsys.predictors.quality import Probabilities, ProbabilityQuality, probability_quality
from recsys.types import Frozen


class IntentQuality(Frozen):
    """Of one contestant on one set of sessions."""

    every_event: ProbabilityQuality
    "Over every beginning of every session: what a live session is asked."
    with_cart: ProbabilityQuality | None
    "Over those beginnings that have put something in the cart; None where there is none."
    weighted_micro_f1: float
    "As the challenge scores it, at most 4.5."
    micro_f1: dict[int, float]
    "By number of events after the first add to cart."


def judge_intent(
    prefixes: Prefixes, contestants: Mapping[str, Probabilities], *, threshold: float
) -> dict[str, IntentQuality]:
    """The quality of each contestant's probabilities of the same rows."""
    labels, carted = prefixes.examples.labels, prefixes.after_cart != NO_CART
    found = {}
    for name, said in contestants.items():
        total, parts = weighted_micro_f1(prefixes, said)
        found[name] = IntentQuality(
            every_event=probability_quality(labels, said, threshold=threshold),
            with_cart=probability_quality(labels[carted], said[carted], threshold=threshold) if carted.any() else None,
            weighted_micro_f1=total,
            micro_f1=parts,
        )
    return found
