"""Next items of a session on public sets, beside baselines: every contestant is asked as the web service asks.

    python -m benchmarks.predictors.sessions [SET …] [--held] [--latest 0] [--cases 20000] [--only NAME …]

Each beginning of each later session asks for its next item over the whole catalogue; the session's own items may come
again. The later sessions are the published cases (``yoochoose_1_64``, ``nowplaying``), or the last fifth by time
(``trivago``). With ``--held`` they are the last tenth of what may be learned from, and the rest is learned from:
parameters and the default were chosen on that, never on the cases themselves. ``--cases`` are drawn evenly, the same
for all contestants; 0: all. With ``--latest`` only so many sessions, the latest, are learned from; 0: all. The sets
are read from ``RECSYS_REAL_DATA`` (default: ``../shared/data``). Prints Markdown.
Seconds are those of the processor, so that a busy machine does not count.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from recsys import columns as c
from recsys.candidates.sequences import Sequences
from recsys.predictors.gate import MODEL, Measure, decide
from recsys.predictors.session import Case, Judged, cases_of, judge_sessions
from recsys.predictors.session.kinds import LEARNERS, learn
from recsys.predictors.session.training import BASELINES, POPULAR
from recsys.serving.continuing.model import NextItems
from recsys.sites.predictor_policy import SessionPolicy

HELD, JUDGED = 0.1, 0.2
SEED = 7
DEFAULT = "default"
ITEM_ACTIONS = "item"
"""trivago: every action on an item has it in its name."""


class Sets(NamedTuple):
    """Sessions in the order of time, and what is asked of later ones."""

    learned: Sequence[Sequence[str]]
    cases: Sequence[Case]


def contestants() -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Kind and params by name; the default is what a site gets."""
    policy = SessionPolicy()
    found: dict[str, tuple[str, Mapping[str, Any]]] = {DEFAULT: (policy.kind, policy.params)}
    found |= {name: (rival.kind, rival.params) for name, rival in BASELINES.items()}
    found |= {
        "prod2vec": ("vectors", {}),
        "co-visitation": ("followers", {}),
        "mixture": ("mixture", {}),
        "ranked": ("ranked", {}),
    }
    if "attention" in LEARNERS:
        found["attention"] = ("attention", {})
    return found


def published(data: Path, name: str) -> Sets:
    """The files of the graph-network papers: sessions in the order of time, and a case a line."""
    folder = data / "sessions" / name
    learned = [line.split() for line in (folder / "train_sessions.plain.txt").read_text().splitlines()]
    cases: list[Case] = []
    for line in (folder / "test_cases.plain.tsv").read_text().splitlines():
        asked, truth = line.split("\t")
        case = Case(tuple(asked.split()), truth, cases[-1].group if cases else 0)
        same = cases and (*case.session, truth) == cases[-1].session  # a session's longest beginning comes first
        cases.append(case if same else case._replace(group=len(cases)))
    return Sets(learned, cases)


def trivago(data: Path) -> Sets:
    """Hotels that a visit looked at, each once as long as it stays with one; sessions of two or more."""
    rows = (
        pl.read_parquet(data / "trivago" / "trivago_val_100k.parquet")
        .filter(pl.col("action_type").str.contains(ITEM_ACTIONS), pl.col("reference").str.contains(r"^\d+$"))
        .sort(c.SESSION_ID, "step")
        .filter(pl.struct(c.SESSION_ID, "reference").ne(pl.struct(c.SESSION_ID, "reference").shift()).fill_null(True))
        .group_by(c.SESSION_ID, maintain_order=True)
        .agg("reference", pl.col(c.TIMESTAMP).first())
        .filter(pl.col("reference").list.len() > 1)
        .sort(c.TIMESTAMP, c.SESSION_ID)
    )
    sessions = rows["reference"].to_list()
    first = round(len(sessions) * (1 - JUDGED))
    return Sets(sessions[:first], cases_of(sessions[first:], repeats=True))


def held_back(found: Sets) -> Sets:
    """The last tenth of what may be learned from in place of the later sessions."""
    first = round(len(found.learned) * (1 - HELD))
    return Sets(found.learned[:first], cases_of(found.learned[first:], repeats=True))


def drawn(cases: Sequence[Case], at_most: int) -> list[Case]:
    """So many of the cases, evenly; 0: all."""
    if not at_most or len(cases) <= at_most:
        return list(cases)
    return [cases[n] for n in np.sort(np.random.default_rng(SEED).permutation(len(cases))[:at_most])]


def measure(name: str, found: Sets, only: Sequence[str]) -> None:
    """Prints the table of one set."""
    past = Sequences.of_lists(found.learned)
    items, popularity = past.items.to_list(), Counter(item for session in found.learned for item in session)
    print(f"\n#### {name}\n\n{len(found.learned):,} sessions of {len(items):,} items; {len(found.cases):,} cases.\n")
    heads = ["", "HR@20", "MRR@20", "less than the default: HR@20", "MRR@20", "coverage@20", "popularity bias"]
    heads += ["learned in CPU s", "one answer in CPU ms"]
    print(f"| {' | '.join(heads)} |\n| {' | '.join(['---'] * len(heads))} |")
    judged: dict[str, Judged] = {}
    for contestant, (kind, params) in contestants().items():
        if only and contestant not in only:
            continue
        began = time.process_time()
        model = NextItems(items, learn(past, kind, params, np.random.default_rng(SEED)))
        learned = time.process_time() - began
        judged[contestant] = judge_sessions(model, found.cases, popularity=popularity, repeats=True)
        asked = time.process_time() - began - learned
        quality = judged[contestant].quality
        label = f"**{contestant}** ({kind})" if contestant == DEFAULT else contestant
        cells = [
            label,
            f"{quality.hit_rate:.4f}",
            f"{quality.mrr:.4f}",
            *_behind(judged, contestant),
            f"{quality.coverage:.3f}",
            f"{quality.popularity_bias:.3f}",
            f"{learned:.0f}",
            f"{asked / len(found.cases) * 1000:.2f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def _behind(judged: Mapping[str, Judged], contestant: str) -> list[str]:
    """How much less than the default, with 95 % intervals over sessions."""
    if contestant == DEFAULT or DEFAULT not in judged:
        return ["", ""]
    first, other = judged[DEFAULT], judged[contestant]
    cells = []
    for label, ours, theirs in (
        ("hit rate", first.hits, other.hits),
        ("reciprocal rank", first.reciprocal_ranks, other.reciprocal_ranks),
    ):
        decision = decide({MODEL: ours, POPULAR: theirs}, first.groups, measure=Measure(label, "higher"), floor=POPULAR)
        gap = decision.against[POPULAR]
        cells.append(f"{gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})")
    return cells


SETS = ("trivago", "yoochoose_1_64", "nowplaying")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS, metavar="SET")
    parser.add_argument("--held", action="store_true")
    parser.add_argument("--latest", type=int, default=0)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    options = parser.parse_args()
    data = Path(os.environ.get("RECSYS_REAL_DATA", "../shared/data"))
    for name in options.sets:
        found = trivago(data) if name == "trivago" else published(data, name)
        found = held_back(found) if options.held else found
        found = Sets(found.learned[-options.latest :], drawn(found.cases, options.cases))
        measure(name, found, options.only)


if __name__ == "__main__":
    main()
