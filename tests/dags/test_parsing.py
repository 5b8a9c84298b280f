import json
import subprocess
import sys

from tests.dags.conftest import DAGS, SITES, YAML

KINDS = (
    "tune",
    "ingest_events",
    "consume_stream",
    "fetch_items",
    "build_candidates",
    "train_ranker",
    "release_recommendations",
    "train_predictors",
    "judge_experiments",
    "watch_drift",
)
HEAVY = (
    "pandas",
    "polars",
    "numpy",
    "pyarrow",
    "mlflow",
    "catboost",
    "implicit",
    "scipy",
    "apprise",
    "psycopg2",
    "boto3",
)


def ids_of(*sites):
    return {f"{kind}__{site}" for kind in KINDS for site in sites} | {"maintain_storage"}


def errors_of(dagbag):
    return {file.rpartition("/")[2]: text for file, text in dagbag.import_errors.items()}


def test_every_kind_has_one_dag_for_each_site(dagbag):
    assert errors_of(dagbag) == {}
    assert set(dagbag.dags) == ids_of(*SITES)


def test_without_a_site_only_the_daily_maintenance_is_left(parse):
    dagbag = parse()
    assert errors_of(dagbag) == {}
    assert set(dagbag.dags) == ids_of()


def test_a_broken_site_is_an_import_error_and_costs_the_others_nothing(write_site, parse):
    write_site("alpha")
    broken = write_site("beta", "train_every_hours: 99, ingest_cron: '@hourly'")
    dagbag = parse()
    assert set(dagbag.dags) == ids_of("alpha")
    errors = errors_of(dagbag)
    assert set(errors) == {"sites.py"}
    for part in (str(broken), "line 6: schedule.train_every_hours", "line 6: schedule.ingest_cron", "no DAGs for beta"):
        assert part in errors["sites.py"]


def test_every_broken_site_is_named_whatever_is_wrong_with_its_file(write_site, parse):
    write_site("alpha")
    write_site("latin", text="site: latin\ntitle: caf\xe9\n".encode("latin-1"))
    write_site("empty", text="")
    write_site(
        "misnamed", text="site: other\nsource: {kind: simulator}\ninteractions: [{name: view}, {name: purchase}]\n"
    )
    dagbag = parse()
    assert set(dagbag.dags) == ids_of("alpha")
    assert "no DAGs for empty, latin, misnamed" in errors_of(dagbag)["sites.py"]


def test_a_mended_site_comes_back(write_site, parse):
    write_site("beta", "train_every_hours: 99")
    assert "train_ranker__beta" not in parse().dags
    write_site("beta")
    dagbag = parse()
    assert errors_of(dagbag) == {}
    assert "train_ranker__beta" in dagbag.dags


def test_parsing_imports_nothing_heavy(write_site):
    write_site("alpha")
    show = (
        "import json, sys, runpy, pathlib\n"
        "import airflow.sdk, airflow.sdk.exceptions\n"
        "before = set(sys.modules)\n"
        "[runpy.run_path(str(path)) for path in sorted(pathlib.Path(sys.argv[1]).glob('*.py'))]\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))\n"
    )
    outcome = subprocess.run([sys.executable, "-c", show, str(DAGS)], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    imported = json.loads(outcome.stdout.splitlines()[-1])
    assert "recsys_airflow" in imported
    assert set(HEAVY) & set(imported) == set()


def test_a_site_without_a_content_api_fetches_nothing(write_site, parse):
    write_site(
        "alpha", text=YAML.format(site="alpha", schedule="").partition("catalogue:")[0] + "predictors: {intent: {}}\n"
    )
    write_site("beta")
    dagbag = parse()
    assert errors_of(dagbag) == {}
    assert set(dagbag.dags) == ids_of("alpha", "beta") - {"fetch_items__alpha"}


def test_a_site_without_predictors_trains_none(write_site, parse):
    write_site("alpha", text=YAML.format(site="alpha", schedule="").partition("predictors:")[0])
    write_site("beta", text=YAML.format(site="beta", schedule="").replace(", ctr: {}, session: {}", ""))
    dagbag = parse()
    assert errors_of(dagbag) == {}
    assert set(dagbag.dags) == ids_of("alpha", "beta") - {"train_predictors__alpha"}
    assert set(dagbag.dags["train_predictors__beta"].task_ids) == {"intent"}
