"""What must hold by judgement: the site's own cases, and that likeness of items goes both ways."""

from typing import Final

import polars as pl

from recsys import columns as c
from recsys.evaluation.gate.check import SAMPLES, Check, at_least, not_measured, percent
from recsys.evaluation.gate.evidence import CaseEvidence, Evidence
from recsys.sites.gate_policy import Case, GatePolicy

NEAR: Final = 10
"""First similar items that are looked at."""
ONE_SLATE: Final = pl.Schema({c.USER_ID: pl.String(), c.ITEM_IDS: pl.List(pl.String())})


def symmetry(similar: pl.DataFrame) -> float | None:
    """Share of the first NEAR similar items that have the item anywhere among theirs; None where there are none.

    Args:
        similar: item_id, similar_item_id, rank. Items that have no list (they are not known, or have no neighbours) are
            left out.
    """
    pairs = similar.select(c.ITEM_ID, c.SIMILAR_ITEM_ID)
    listed = similar.select(pl.col(c.ITEM_ID).alias(c.SIMILAR_ITEM_ID)).unique()
    near = similar.filter(pl.col(c.RANK) <= NEAR).join(listed, on=c.SIMILAR_ITEM_ID, how="semi")
    back = near.join(pairs, left_on=[c.ITEM_ID, c.SIMILAR_ITEM_ID], right_on=[c.SIMILAR_ITEM_ID, c.ITEM_ID], how="semi")
    return back.height / near.height if near.height else None


def judged(
    case: Case, *, interactions: pl.DataFrame, slates: pl.DataFrame, similar: pl.DataFrame, items: pl.DataFrame
) -> CaseEvidence:
    """For how many the case does not hold.

    Args:
        case: what must hold.
        interactions: user_id, item_id, event_type; what users did until the slates were made.
        slates: user_id, item_ids (best first).
        similar: item_id, similar_item_id, score.
        items: item_id, category.
    """
    found = _of_session(case, similar) if case.session else _of_users(case, interactions, slates, items)
    counted = _named(items, case.category, case.items)
    first = found.select(c.USER_ID, pl.col(c.ITEM_IDS).list.head(case.positions).alias(c.ITEM_ID))
    places = first.explode(c.ITEM_ID).join(counted, on=c.ITEM_ID, how="semi")
    hits = first.select(c.USER_ID).join(places.group_by(c.USER_ID).len(c.HITS), on=c.USER_ID, how="left")
    number = pl.col(c.HITS).fill_null(0)
    most = case.positions if case.at_most is None else case.at_most
    failed = hits.filter((number < case.at_least) | (number > most)).select(c.USER_ID).sort(c.USER_ID)
    too_many = places.join(failed, on=c.USER_ID, how="semi")[c.ITEM_ID].unique().sort()
    return CaseEvidence(
        name=case.name,
        cases=hits.height,
        failed=failed.height,
        users=() if case.session else tuple(failed[c.USER_ID].head(SAMPLES)),
        items=case.session or tuple(too_many.head(SAMPLES)),
    )


def checks(evidence: Evidence, policy: GatePolicy) -> list[Check]:
    """What the policy asks of behavior; a case that is about nobody does not pass: it shows nothing."""
    found = {each.name: each for each in evidence.cases}
    alike = f"the share of the first {NEAR} similar items that have the item among theirs"
    of_items = [at_least(alike, evidence.symmetry, policy.min_symmetry, percent)] if policy.min_symmetry else []
    return [*of_items, *(_check(case, found.get(case.name)) for case in policy.cases)]


def _check(case: Case, found: CaseEvidence | None) -> Check:
    name, expected = f"the case {case.name!r}", f"true for at least {percent(case.min_share)}"
    if found is None:
        return not_measured(name, expected)
    if not found.cases:
        return Check(name=name, passed=False, found="about nobody", expected="about somebody")
    holds = 1 - found.failed / found.cases
    passed = holds >= case.min_share
    told = f"true for {percent(holds)} of {found.cases:,}"
    if not passed and found.items:
        told += f" ({', '.join(found.items)})"
    return Check(
        name=name,
        passed=passed,
        found=told,
        expected=expected,
        users=() if passed else found.users,
        items=() if passed else found.items,
    )


def _of_users(case: Case, interactions: pl.DataFrame, slates: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The slates of the users that the case is about; an empty one where they have none."""
    did = interactions if case.event is None else interactions.filter(pl.col(c.EVENT_TYPE) == case.event)
    if case.given_category is not None or case.given_items:
        did = did.join(_named(items, case.given_category, case.given_items), on=c.ITEM_ID, how="semi")
    return did.select(c.USER_ID).unique().join(slates.select(c.USER_ID, c.ITEM_IDS), on=c.USER_ID, how="left")


def _of_session(case: Case, similar: pl.DataFrame) -> pl.DataFrame:
    """What the similar lists say together of a session, best first: one row."""
    of_session = similar.filter(
        pl.col(c.ITEM_ID).is_in(case.session), pl.col(c.SIMILAR_ITEM_ID).is_in(case.session).not_()
    )
    best = of_session.group_by(c.SIMILAR_ITEM_ID).agg(pl.col(c.SCORE).sum())
    ordered = best.sort(c.SCORE, c.SIMILAR_ITEM_ID, descending=[True, False])[c.SIMILAR_ITEM_ID].to_list()
    return pl.DataFrame({c.USER_ID: [""], c.ITEM_IDS: [ordered]}, schema=ONE_SLATE)


def _named(items: pl.DataFrame, category: str | None, names: tuple[str, ...]) -> pl.DataFrame:
    """item_id of the items of a category, and of those named."""
    in_category = pl.lit(False) if category is None else pl.col(c.CATEGORY) == category
    wanted = pl.DataFrame({c.ITEM_ID: list(names)}, schema={c.ITEM_ID: pl.String})
    return pl.concat([items.filter(in_category).select(c.ITEM_ID), wanted]).unique()
