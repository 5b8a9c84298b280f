"""MLflow's server: runs and registry in Postgres, artifacts through the server into S3."""

import subprocess
import sys
from importlib.metadata import version

from recsys.layout import LOOPBACK, Settings
from recsys.local.servers import marks
from recsys.local.servers.http import answers
from recsys.local.servers.postgres import create_database
from recsys.local.servers.server import Server

DATABASE = "mlflow"


def mlflow(settings: Settings) -> Server:
    """The tracking server, on loopback only: it has no login. No other host name is accepted."""
    port = settings.recsys_mlflow_port
    return Server(
        name="mlflow",
        command=(sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"),
        environment={
            "MLFLOW_BACKEND_STORE_URI": settings.postgres_dsn(DATABASE),
            "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{settings.recsys_mlflow_bucket}",
            "MLFLOW_S3_ENDPOINT_URL": settings.s3_endpoint_url,
            "MLFLOW_SERVER_ALLOWED_HOSTS": f"{LOOPBACK}:{port},localhost:{port}",
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"http://{LOOPBACK}:{port},http://localhost:{port}",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_TRACKING_URI": "",
        },
        probe=answers(f"{settings.tracking_uri}/health"),
        needs=("postgres", "s3"),
        ports={"RECSYS_MLFLOW_PORT": port},
        prepare=lambda: _migrate(settings),
    )


def _migrate(settings: Settings) -> None:
    """The database exists; an earlier MLflow's tables have this one's form. New ones the server makes."""
    create_database(settings, DATABASE)
    dsn, installed = settings.postgres_dsn(DATABASE), version("mlflow")
    if (found := marks.read(dsn)) == installed:
        return
    if found is not None:
        code = (
            "import os; from mlflow.store.db.utils import _upgrade_db, create_sqlalchemy_engine_with_retry as engine;"
        )
        code += "_upgrade_db(engine(os.environ['MLFLOW_BACKEND_STORE_URI']))"
        subprocess.run([sys.executable, "-c", code], check=True)
    marks.write(dsn, installed)
