"""How often experiments are decided rightly, how soon, and how far off-policy estimates are from the truth.

    python -m benchmarks.experiments [aa|lift|harm|careful|bandit …] [--runs N] [--bandit FOLDER]

``aa``, ``lift``, ``harm`` and ``careful`` simulate experiments of two weeks that are looked at every hour, the last
with a ramp that waits for proof; ``bandit`` reads the Open Bandit data (``random/all/all.csv`` and
``bts/all/all.csv``). Prints Markdown tables.
"""

import argparse
import os
import time
from pathlib import Path

from benchmarks.experiments import bandit, trials

PARTS = ("aa", "lift", "harm", "careful", "bandit")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    parser.add_argument("--runs", type=int, default=1000, help="experiments between equal arms; a tenth for each lift")
    parser.add_argument("--bandit", type=Path, default=Path(os.environ.get("RECSYS_REAL_DATA", ".")) / "open_bandit")
    options = parser.parse_args()
    for part in options.parts or PARTS:
        began = time.perf_counter()
        if part == "bandit":
            bandit.measure(options.bandit)
        else:
            trials.measure(part, options.runs)
        print(f"\n{time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    main()
