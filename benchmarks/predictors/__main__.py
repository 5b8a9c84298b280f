"""Purchase intent and click probability on later rows, beside baselines, and how fast they answer.

    python -m benchmarks.predictors [intent|ctr|latency …] [--rows 200000]

Learns from the earlier three quarters of the sessions, or four fifths of the rows, with every default of a site, and is
judged on the rest. The simulated sets are made on the way; ``--rows`` is the size of the simulated clicks, whose true
probabilities are known. RetailRocket, the Open Bandit data, MIND and Avazu's sample are read from
``RECSYS_REAL_DATA`` (default: ``../shared/data``), and left out where it has none. Prints Markdown.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.predictors import sets
from benchmarks.predictors.in_process import MANY, calls, latency_table, sent_rows
from benchmarks.predictors.tables import MODEL, error_beside, quality_table
from recsys.predictors.ctr import FittedCtr, ctr_checks, fit_ctr, latest
from recsys.predictors.ctr.judging import contestants
from recsys.predictors.intent import FittedIntent, Session, fit_intent, hold_back, judge_intent, prefixes_of
from recsys.predictors.trees import shap_summary
from recsys.sites.predictor_policy import CtrChecks, IntentPolicy

PARTS = ("intent", "ctr", "latency")
NETWORK: Final = "recurrent"
SESSIONS_JUDGED, ROWS_JUDGED = 0.25, 0.2
SEED = 7
EXPLAINED, HEAVIEST = 10_000, 6
"""The latest rows whose scores are explained, and how many features are named."""


def measure_intent(name: str, sessions: list[Session]) -> tuple[FittedIntent, list[Session]]:
    """Prints two tables: sessions as they are, and as types of events alone."""
    began = time.perf_counter()
    learned, judged = hold_back(sessions, SESSIONS_JUDGED)
    fitted = fit_intent(learned, sets.RULES, IntentPolicy(), rng=np.random.default_rng(SEED))
    seconds = time.perf_counter() - began
    network = fit_intent(learned, sets.RULES, IntentPolicy(model=NETWORK), rng=np.random.default_rng(SEED))
    for bare in (False, True):
        rows = prefixes_of(judged, sets.RULES, bare=bare)
        table, labels = rows.examples.table, rows.examples.labels
        said = {MODEL: fitted.model.scorer.along(table, rows.session)}
        said[f"{NETWORK} network"] = network.model.scorer.along(table, rows.session)
        said |= {rival: model.predict(table) for rival, model in fitted.baselines.items()}
        threshold = fitted.model.scorer.threshold
        found = judge_intent(rows, said, threshold=threshold)
        more = {
            rival: [
                f"{each.weighted_micro_f1:.3f}",
                f"{each.with_cart.auc:.4f}" if each.with_cart and each.with_cart.auc else "–",
            ]
            for rival, each in found.items()
        }
        told = (
            "types of events alone"
            if bare
            else f"{min(len(learned), IntentPolicy().sessions):,} sessions learned from in {seconds:.0f} s"
        )
        print(f"\n#### {name}, {told}\n")
        print(
            f"{len(judged):,} later sessions, asked after each of {len(rows.examples):,} events; "
            f"{labels.mean():.1%} before a purchase.\n"
        )
        print(
            quality_table(
                labels,
                said,
                rows.session,
                threshold=threshold,
                more=more,
                more_head=("weighted micro-F1", "AUC with a cart"),
            )
        )
    return fitted, judged


def measure_ctr(of: sets.Rows) -> tuple[FittedCtr, sets.Rows]:
    """Prints the table of one set."""
    began = time.perf_counter()
    learned, judged = latest(of.rows, ROWS_JUDGED)
    fitted = fit_ctr(learned, of.policy)
    seconds = time.perf_counter() - began
    usual = of.policy.model_copy(update={"checks": CtrChecks()})
    labels = judged[of.policy.label].to_numpy()
    said = contestants(fitted, judged, of.policy)
    truth = None if of.truth is None else of.truth[learned.height :]
    more: dict[str, list[str]] = {}
    head: tuple[str, ...] = ()
    if truth is not None:
        said["the truth"] = truth
        head = ("mean distance to the truth", "ECE beside the truth")
        more = {
            name: [f"{np.abs(each - truth).mean():.4f}", f"{error_beside(truth, each):.4f}"]
            for name, each in said.items()
        }
    owners = np.arange(len(labels)) if of.owner is None else judged[of.owner].rank("dense").to_numpy().astype(int) - 1
    print(f"\n#### {of.name}\n")
    print(
        f"{learned.height:,} rows learned from in {seconds:.0f} s, {len(labels):,} later rows, "
        f"{labels.mean():.2%} of them clicked; at most {peak_memory():.1f} GB so far.\n"
    )
    if refused := [each.sentence for each in ctr_checks(learned, usual) if not each.passed]:
        print(f"A site's default checks refuse to learn from this: {'; '.join(refused)}. Here they are overruled.\n")
    print(quality_table(labels, said, owners, threshold=fitted.model.scorer.threshold, more=more, more_head=head))
    heaviest = shap_summary(fitted.model.scorer, fitted.examples.table[-EXPLAINED:]).head(HEAVIEST)
    print("\nHeaviest by SHAP: " + ", ".join(f"{name} {weight:.3f}" for name, weight in heaviest.iter_rows()) + ".")
    return fitted, sets.Rows(of.name, judged, of.policy, of.owner)


def peak_memory() -> float:
    """Of this process, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART")
    parser.add_argument("--rows", type=int, default=200_000)
    options = parser.parse_args()
    data = Path(os.environ.get("RECSYS_REAL_DATA", "../shared/data"))
    simulated = None
    if {"intent", "latency"} & set(options.parts):
        print("\n### Purchase intent")
        simulated = measure_intent("simulated shop", sets.simulated_sessions())
    if "intent" in options.parts and (data / "retailrocket").is_dir():
        measure_intent("retailrocket", sets.retailrocket_sessions(data))
    clicks = None
    if {"ctr", "latency"} & set(options.parts):
        print("\n### Click probability")
        clicks = measure_ctr(sets.simulated_rows(options.rows))
    if "ctr" in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            for read in sets.present(data, Path(folder)).values():
                measure_ctr(read())
    if "latency" in options.parts and simulated is not None and clicks is not None:
        (intent, sessions), (ctr, rows) = simulated, clicks
        asked = [session.events for session in sessions[:MANY]]
        found = calls(intent.model, ctr.model, asked, sent_rows(rows.rows))
        print(f"\n### One prediction\n\n{latency_table(found)}")


if __name__ == "__main__":
    main()
