"""Predictors with the parameters that tuning found."""

from collections.abc import Mapping
from typing import Any

from recsys.sites.predictor_policy import CtrPolicy, IntentPolicy, PredictorsPolicy


def tuned_predictors(site: PredictorsPolicy, winner: Mapping[str, Mapping[str, Any]]) -> PredictorsPolicy:
    """The same with other parameters, by ``tuned_part``, that of ``ctr`` by its name; others are left out.

    Raises:
        ValidationError: a value that the parameter may not have, or no such parameter.
    """
    intent, ctr, session = site.intent, site.ctr, site.session
    if intent is not None:
        own, found = intent.model_dump(), winner.get(intent.tuned_part, {})
        changed = {"recurrent": {**own["recurrent"], **found}} if intent.model == "recurrent" else found
        intent = IntentPolicy.model_validate({**own, **changed})
    if ctr is not None:
        ctr = CtrPolicy.model_validate({**ctr.model_dump(), **winner.get("ctr", {})})
    if session is not None:
        params = {**session.params, **winner.get(session.tuned_part, {})}
        session = session.model_copy(update={"params": params})
    return PredictorsPolicy(intent=intent, ctr=ctr, session=session)
