"""What is different between two releases: configuration, data, files, metrics, and what users are shown."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from recsys.serving import lifecycle
from recsys.serving.contracts import Changed, ReleaseDifference, SlateOverlap
from recsys.serving.postgres import transaction
from recsys.types import ReleaseId, SiteId

SAMPLE: Final = 1000
"Users whose slates are compared."

DATA: Final = ("as_of", "data_hash", "partitions")
NO_DIFFERENCE: Final = ("release_id", "site", "files", "mlflow_run_id", "model_version", "generators_version")
"""Of a manifest: names of the release, and the files, which are compared by themselves."""

_OVERLAP: Final = """
SELECT count(*),
    coalesce(avg(
        (SELECT count(*) FROM (
            SELECT unnest(this.item_ids[:10]) INTERSECT SELECT unnest(other.item_ids[:10])
        ) AS shared) / cardinality(this.item_ids[:10])::float8
    ), 0),
    coalesce(avg((this.item_ids[1] = other.item_ids[1])::int), 0)
FROM (
    SELECT user_id FROM recsys.slate WHERE release_id = %(this)s ORDER BY hashtext(user_id), user_id LIMIT %(sample)s
) AS drawn
JOIN recsys.slate AS this ON this.release_id = %(this)s AND this.user_id = drawn.user_id
JOIN recsys.slate AS other ON other.release_id = %(other)s AND other.user_id = drawn.user_id
WHERE cardinality(this.item_ids) > 0
"""


def difference(dsn: str, site: SiteId, release_id: ReleaseId, other: ReleaseId) -> ReleaseDifference:
    """What is different in ``release_id``, seen from ``other``, as both were recorded.

    Raises:
        UnknownReleaseError: the site has no such release.
    """
    this, that = (lifecycle.release_record(dsn, site, each) for each in (release_id, other))
    facts = _changed(_facts(that["manifest"]), _facts(this["manifest"]))
    return ReleaseDifference(
        site=site,
        release_id=release_id,
        other=other,
        configuration={name: each for name, each in facts.items() if name not in DATA},
        data={name: each for name, each in facts.items() if name in DATA},
        files=_changed(_hashes(that["manifest"]), _hashes(this["manifest"])),
        metrics=_changed(_metrics(that["report"]), _metrics(this["report"])),
        overlap=_overlap(dsn, release_id, other) if this["published"] and that["published"] else None,
    )


def _changed(other: Mapping[str, Any], this: Mapping[str, Any]) -> dict[str, Changed]:
    return {
        name: Changed(other=other.get(name), this=this.get(name))
        for name in sorted({*other, *this})
        if other.get(name) != this.get(name)
    }


def _facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_flat({name: value for name, value in manifest.items() if name not in NO_DIFFERENCE}))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _hashes(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {name: entry["sha256"] for name, entry in manifest.get("files", {}).items()}


def _metrics(report: Mapping[str, Any]) -> dict[str, float]:
    contestants = report.get("contestants", {})
    return {f"{who}.{name}": value for who, found in contestants.items() for name, value in found["metrics"].items()}


def _overlap(dsn: str, release_id: ReleaseId, other: ReleaseId) -> SlateOverlap:
    with transaction(dsn) as cursor:
        cursor.execute(_OVERLAP, {"this": release_id, "other": other, "sample": SAMPLE})
        users, first_10, same_first = cursor.fetchone()
    return SlateOverlap(users=users, first_10=round(float(first_10), 4), same_first=round(float(same_first), 4))
