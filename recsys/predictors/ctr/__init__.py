"""Click probability: how likely an impression is to be clicked, from its raw row."""

from recsys.predictors.ctr.checks import ctr_checks
from recsys.predictors.ctr.judging import judge_ctr
from recsys.predictors.ctr.rows import impression_rows, latest, read_rows, rows_file
from recsys.predictors.ctr.training import FittedCtr, fit_ctr

__all__ = ["FittedCtr", "ctr_checks", "fit_ctr", "impression_rows", "judge_ctr", "latest", "read_rows", "rows_file"]
