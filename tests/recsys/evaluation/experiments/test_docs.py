"""Every key of an experiment, and every metric, stands in the docs."""

import re
from pathlib import Path

from recsys.evaluation.experiments.metrics import METRICS
from recsys.sites.experiment import Experiment

DOCS = Path(__file__).parents[4] / "docs"


def test_every_metric_of_experiments_has_its_heading():
    headings = re.findall(r"^### `(\w+)`$", (DOCS / "metrics.md").read_text(), re.MULTILINE)
    assert set(METRICS) <= set(headings)


def test_every_key_of_an_experiment_stands_in_the_docs():
    table = re.findall(r"^\| (.*?) \|", (DOCS / "experiments.md").read_text(), re.MULTILINE)
    keys = {key.removesuffix("[]") for cell in table for key in re.findall(r"`([\w\[\]]+)`", cell)}
    assert keys == set(Experiment.model_fields)
