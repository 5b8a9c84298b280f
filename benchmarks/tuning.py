"""Whether tuning helps: what it finds on validation windows, and what that is worth on the window it never saw.

    python -m benchmarks.tuning [SITE …] [--parts KIND …] [--trials N]

Ingests whole sites (``online_retail``, ``retailrocket`` from ``RECSYS_REAL_DATA``) into a throw-away folder, and
searches each part with the site's tuning policy. The evaluation window is looked at twice at the end: with the site's
own parameters, and with the best that were found.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from pydantic import SecretStr

from benchmarks.__main__ import DAYS
from recsys.evaluation.search import best
from recsys.releases.studies import Plan
from recsys.sites import add_site
from recsys.stages import ingest_events, tune
from recsys.stages.context import StageContext, open_context
from recsys.stages.tuning_objective import Objective
from recsys.testing.throwaway import settings_in

REAL_DATA = Path(os.environ.get("RECSYS_REAL_DATA", "../shared/data"))
PARTS = ("popularity", "item_item", "ease")


def measure(context: StageContext, site: str, parts: list[str], trials: int) -> None:
    """Prints one row per part."""
    policy = context.site(site).tuning
    for search in tune.plans(site=site, parts=parts, trials=trials, context=context):
        began = time.perf_counter()
        objective = Objective(context, site, search)
        done = [tune.try_out(search, number, objective) for number in range(search.trials)]
        seconds = time.perf_counter() - began
        top, own = best(done), done[0]
        unseen = Objective(context, site, later(search))
        before, after = unseen.value({}, 0), unseen.value(top.params, 0)
        found = ", ".join(f"{name} {value:g}" for name, value in top.params.items()) or "its own"
        print(
            f"| {site} | {search.part} | {len(done)} ({sum(trial.pruned for trial in done)} pruned) | {seconds:.0f} | "
            f"{own.value:.4f} → {top.value:.4f} ({top.value / own.value - 1:+.1%}) | "
            f"{before:.4f} → {after:.4f} ({after / before - 1:+.1%}) | {found} |",
            flush=True,
        )
    print(f"\n{policy.objective}; validation: mean of {policy.windows} windows.")


def later(search: Plan) -> Plan:
    """The same part, judged on the evaluation window alone."""
    start, end = search.windows[0]
    return search.model_copy(update={"study": f"{search.study}-later", "windows": ((end, end + (end - start)),)})


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sites", nargs="*", default=["online_retail", "retailrocket"], metavar="SITE")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), metavar="KIND")
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    print("| site | part | trials | seconds | validation: own → found | unseen window: own → found | found |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for site in options.sites:
        with tempfile.TemporaryDirectory() as folder:
            quiet = settings_in(Path(folder)).model_copy(update={"recsys_postgres_password": SecretStr("")})
            context = open_context(quiet)
            add_site(quiet.sites_dir, site, from_dir=REAL_DATA / site)
            first, days = DAYS[site]
            ingest_events.run(site=site, first=first, days=days, context=context)
            measure(context, site, options.parts, options.trials)


if __name__ == "__main__":
    main()
