"""MLflow: a search for better parameters as one run, with a nested run per trial."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from recsys.evaluation.search import Trial, best
from recsys.releases.studies import Plan
from recsys.types import SiteId

STUDY = "study"


def log_search(uri: str, site: SiteId, plan: Plan, trials: Sequence[Trial], *, objective: str) -> str:
    """The run of the search, in the experiment ``<site>-tuning``; one that is there already is not logged twice.

    Returns:
        The run's id.
    """
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    mlflow.set_tracking_uri(uri)
    experiment = mlflow.set_experiment(f"{site}-tuning")
    finished = f"tags.{STUDY} = '{plan.study}' and attributes.status = 'FINISHED'"
    if known := client.search_runs([experiment.experiment_id], finished):
        return str(known[0].info.run_id)
    metric = objective.replace("@", "_at_")
    with redirect_stdout(sys.stderr), mlflow.start_run(run_name=plan.study, tags={"site": site}) as run:
        top = best(trials)
        mlflow.log_params({"part": plan.part, "trials": plan.trials, **{f"best_{k}": v for k, v in top.params.items()}})
        mlflow.log_metrics({metric: top.value, f"own_{metric}": trials[0].value})
        mlflow.log_dict(plan.model_dump(mode="json"), "plan.json")
        for trial in sorted(trials, key=lambda each: each.number):
            tags = {"pruned": str(trial.pruned).lower()}
            with mlflow.start_run(run_name=f"{plan.study} {trial.number}", nested=True, tags=tags):
                mlflow.log_params(trial.params or {"own_parameters": True})
                mlflow.log_metric(metric, trial.value)
                for window, value in enumerate(trial.values):
                    mlflow.log_metric(f"{metric}_window", value, step=window)
        mlflow.set_tag(STUDY, plan.study)
        run_id: str = run.info.run_id
    return run_id
