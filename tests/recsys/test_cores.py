"""How many cores are used, and that it does not matter."""

import os
import subprocess
import sys
from functools import partial

import pytest
from polars.testing import assert_frame_equal

from recsys.candidates.pool import no_pairs
from recsys.candidates.registry import KINDS
from recsys.cores import cores
from recsys.testing import checkerboard as board
from recsys.testing.generators import EVERYBODY, fitted


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux says which cores a process may run on")
def test_a_process_uses_the_cores_that_it_may_run_on():
    one = min(os.sched_getaffinity(0))
    asked = f"import os; os.sched_setaffinity(0, {{{one}}}); from recsys.cores import cores; print(cores())"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True).stdout == b"1\n"
    assert cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("kind", [kind for kind, (params, _) in KINDS.items() if "threads" in params.model_fields])
def test_answers_do_not_depend_on_the_number_of_cores(kind: str):
    params, make = KINDS[kind]
    one, three = (fitted(partial(make, params(threads=threads)), board.ratings()) for threads in (1, 3))
    assert_frame_equal(*(each.generate(EVERYBODY, k=9, exclude=no_pairs()) for each in (one, three)), check_exact=True)
