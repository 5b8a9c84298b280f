"""Checks of a table before anything is learned from it; one that fails blocks the training."""

from collections.abc import Mapping, Sequence

from recsys.errors import TableRefused
from recsys.events.quality.report import Check
from recsys.sites.predictor_policy import RateBounds


def fewest(name: str, key: str, found: int, least: int) -> Check:
    """Enough rows of a kind."""
    return Check(name=name, key=key, found=f"{found:,} {name}", expected=f"at least {least:,}", passed=found >= least)


def mean_between(name: str, key: str, mean: float | None, low: float | None, high: float | None) -> Check:
    """A mean within its bounds; without any row there is none, and it does not pass."""
    ends = (("at least", low), ("at most", high))
    return Check(
        name=name,
        key=key,
        found="nothing to measure" if mean is None else f"{mean:,.2f} {name}",
        expected=" and ".join(f"{words} {end:,.12g}" for words, end in ends if end is not None) or "any",
        passed=mean is not None and (low is None or mean >= low) and (high is None or mean <= high),
    )


def base_rate(key: str, successes: int, rows: int, bounds: RateBounds) -> Check:
    """The share of successes is what it usually is."""
    share = successes / rows if rows else 0.0
    return Check(
        name="base rate",
        key=key,
        found=f"{successes:,} successes among {rows:,} ({share:.3%})",
        expected=f"{bounds.min:.3%} to {bounds.max:.3%}",
        passed=bounds.min <= share <= bounds.max,
    )


def shares(name: str, key: str, found: Mapping[str, float], largest: Mapping[str, float]) -> list[Check]:
    """One check per column that has a bound, each of a share in [0, 1]; a column that is absent does not pass."""
    return [
        Check(
            name=f"{name} in {column}",
            key=f"{key}.{column}",
            found=f"{found[column]:.1%} {name} in {column}" if column in found else f"no column {column}",
            expected=f"at most {bound:.1%}",
            passed=column in found and found[column] <= bound,
        )
        for column, bound in largest.items()
    ]


def require_passed(checks: Sequence[Check]) -> None:
    """Nothing, when all passed.

    Raises:
        TableRefused: with every check that did not, what was found and what was expected.
    """
    failed = [f"{check.key}: {check.sentence}" for check in checks if not check.passed]
    if failed:
        raise TableRefused(
            "; ".join(failed) + "; nothing was trained. Correct the data, or the bounds in the site's YAML"
        )
