"""Where things lie: folders, addresses and secrets, all from the environment.

Nothing is read at import. ``Settings()`` reads the environment, then ``.env`` beside the working folder, then the
defaults below; the first that knows a name wins. What a site *does* is configured in its YAML, never here.
"""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK = "127.0.0.1"


class Settings(BaseSettings):
    """Addresses and secrets. Every field is one variable of ``.env.example``, in capitals; an empty one is not set."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    recsys_home: Path = Path(".recsys")
    "Everything the embedded platform keeps: database, objects, logs, sites."
    recsys_sites_dir: Path | None = None
    "One YAML per site; default: sites/ under RECSYS_HOME."
    recsys_data_url: str = "s3://recsys/data"
    "Event log and releases: s3://bucket/prefix, or a folder; empty: data/ under RECSYS_HOME."
    recsys_exchange_dir: Path = Path("postgres_data")
    "Files of a release on their way into Postgres."

    recsys_bind_host: str = LOOPBACK
    """Address that the web service, Airflow and Jupyter listen on: those with a login. Anything but loopback turns API
    keys on. Postgres, S3 and MLflow never leave loopback."""
    recsys_postgres_host: str = LOOPBACK
    recsys_postgres_port: int = 5433
    recsys_postgres_user: str = "recsys"
    recsys_postgres_password: SecretStr = SecretStr("")
    recsys_postgres_database: str = "recsys"
    recsys_web_postgres_password: SecretStr = SecretStr("")
    "With which the web service logs in as the role recsys_web, which may do only what it needs."

    recsys_s3_port: int = 8333
    recsys_s3_inner_port: int = 18340
    "First of eight ports in a row on which the embedded S3 server's parts talk to each other; also the last + 10000."
    recsys_s3_endpoint_url: str = ""
    "Empty: the embedded server on RECSYS_S3_PORT. Set it for another S3 (https://…)."
    aws_access_key_id: str = ""
    aws_secret_access_key: SecretStr = SecretStr("")
    aws_default_region: str = "us-east-1"

    recsys_kafka_username: str = ""
    recsys_kafka_password: SecretStr = SecretStr("")
    recsys_kafka_ca_file: Path | None = None
    "Certificates of those who signed the brokers' own; empty: those that the system trusts."

    recsys_mlflow_port: int = 5000
    mlflow_tracking_uri: str = ""
    "Empty: the embedded server on RECSYS_MLFLOW_PORT."
    recsys_mlflow_bucket: str = "mlflow"
    "Bucket of MLflow's artifacts."

    recsys_airflow_port: int = 8080
    recsys_airflow_url: str = ""
    "Where Airflow's API is reached, if not on this machine; empty: at RECSYS_AIRFLOW_PORT."
    recsys_airflow_user: str = "admin"
    recsys_airflow_password: SecretStr = SecretStr("")
    recsys_airflow_fernet_key: SecretStr = SecretStr("")
    recsys_airflow_secret_key: SecretStr = SecretStr("")
    recsys_airflow_jwt_secret: SecretStr = SecretStr("")
    recsys_notify_urls: SecretStr = SecretStr("")
    "Where failures and alerts are told: addresses of Telegram, Slack, e-mail …, separated by blanks; empty: nowhere."

    recsys_fetch_headers: SecretStr = SecretStr("")
    """Secret headers for content APIs, by site: one JSON object, {"my_shop": {"Authorization": "Bearer …"}};
    empty: none."""

    recsys_web_port: int = 8000
    recsys_web_workers: int = Field(default=1, ge=1)
    recsys_spool_megabytes: int = Field(default=1024, ge=0)
    "Most that a host of the web service keeps of events on its disk while Postgres does not take them."
    recsys_predictor_megabytes: int = Field(default=256, ge=0)
    """Files of models of predictors that a process of the web service reads before somebody asks; those beyond are read
    when first asked for."""
    recsys_snapshot_users: int = Field(default=1_000_000, ge=0)
    """Users of a release whose slates a host of the web service keeps in a file, about 2 kB each; those of the others
    are read from Postgres. 0: no such file, everything is read from Postgres."""
    recsys_read_key: SecretStr = SecretStr("")
    recsys_write_key: SecretStr = SecretStr("")
    recsys_admin_key: SecretStr = SecretStr("")
    recsys_require_keys: bool = False
    "Ask for API keys on loopback too, e.g. behind a proxy on the same machine."

    recsys_requests_per_second: float = Field(default=0.0, ge=0.0)
    """How many requests of one API key, or of one address without, a process of the web service answers; ten seconds'
    worth may come at once, and more are told to wait. 0: as many as it can."""
    recsys_request_seconds: float = Field(default=15.0, gt=0.0)
    "Longest that the web service works on one request."
    recsys_log_format: Literal["text", "json"] = "text"
    "How the web service logs: text for a person, or one JSON object a line, with a line for each request."
    recsys_drain_seconds: float = Field(default=0.0, ge=0.0)
    "How long a process of the web service that is told to end says that it is not ready, and answers nevertheless."
    otel_exporter_otlp_endpoint: str = ""
    "Where the web service sends traces, an OpenTelemetry collector over HTTP; empty: nowhere."
    recsys_cors_origins: str = ""
    "Whose pages may ask the web service from a browser: https://shop.example …, separated by blanks; empty: nobody's."

    recsys_jupyter_port: int = 8888
    recsys_jupyter_token: SecretStr = SecretStr("")

    recsys_exporter_port: int = 9190
    "What is true of the platform as a whole, for Prometheus: releases, event logs, DAG runs."
    recsys_prometheus_port: int = 9191
    "Prometheus itself, where its program is installed."
    recsys_node_exporter_port: int = 9192
    "What this machine says of itself, where Prometheus' exporter of hosts is installed."
    recsys_postgres_exporter_port: int = 9193
    "What Postgres says of itself, where Prometheus' exporter is installed."
    recsys_alertmanager_port: int = 9194
    "Alertmanager, where its program is installed: groups alerts, and lets them be silenced."
    recsys_pager_port: int = 9195
    "What Alertmanager tells of alerts; it tells the addresses of RECSYS_NOTIFY_URLS."
    recsys_grafana_url: str = ""
    "Where dashboards are, to which messages of alerts lead; empty: to Prometheus."
    recsys_grafana_password: SecretStr = SecretStr("")
    "Of Grafana's user admin, in docker-compose.yaml."

    @property
    def cors_origins(self) -> list[str]:
        return self.recsys_cors_origins.split()

    @property
    def sites_dir(self) -> Path:
        return self.recsys_sites_dir or self.recsys_home / "sites"

    @property
    def data_url(self) -> str:
        return self.recsys_data_url or str(self.recsys_home / "data")

    @property
    def s3_endpoint_url(self) -> str:
        return self.recsys_s3_endpoint_url or f"http://{LOOPBACK}:{self.recsys_s3_port}"

    @property
    def tracking_uri(self) -> str:
        return self.mlflow_tracking_uri or f"http://{LOOPBACK}:{self.recsys_mlflow_port}"

    @property
    def airflow_url(self) -> str:
        return self.recsys_airflow_url or f"http://{self._reached_at}:{self.recsys_airflow_port}"

    @property
    def web_url(self) -> str:
        return f"http://{self._reached_at}:{self.recsys_web_port}"

    @property
    def jupyter_url(self) -> str:
        return f"http://{self._reached_at}:{self.recsys_jupyter_port}"

    @property
    def prometheus_url(self) -> str:
        return f"http://{LOOPBACK}:{self.recsys_prometheus_port}"

    @property
    def alertmanager_url(self) -> str:
        return f"http://{LOOPBACK}:{self.recsys_alertmanager_port}"

    @property
    def pager_url(self) -> str:
        return f"http://{LOOPBACK}:{self.recsys_pager_port}"

    @property
    def exporter_url(self) -> str:
        return f"http://{LOOPBACK}:{self.recsys_exporter_port}"

    @property
    def _reached_at(self) -> str:
        return LOOPBACK if self.recsys_bind_host == "0.0.0.0" else self.recsys_bind_host

    def postgres_dsn(self, database: str | None = None) -> str:
        """A libpq URL; it holds the password, so it is never printed or logged."""
        password = quote(self.recsys_postgres_password.get_secret_value(), safe="")
        place = f"{self.recsys_postgres_host}:{self.recsys_postgres_port}"
        return (
            f"postgresql://{self.recsys_postgres_user}:{password}@{place}/{database or self.recsys_postgres_database}"
        )

    def environment(self) -> dict[str, str]:
        """These settings as variables for a process that may run in another folder; it holds the secrets.

        Paths are absolute, and both web addresses and folders are spelled out, so the process needs no ``.env``.
        """
        values = self.model_dump() | {
            "recsys_home": self.recsys_home.resolve(),
            "recsys_sites_dir": self.sites_dir.resolve(),
            "recsys_exchange_dir": self.recsys_exchange_dir.resolve(),
            "recsys_data_url": self.data_url if "://" in self.data_url else os.path.abspath(self.data_url),
            "mlflow_tracking_uri": self.tracking_uri,
        }
        secret = {name: value.get_secret_value() for name, value in values.items() if isinstance(value, SecretStr)}
        return {name.upper(): str(value) for name, value in (values | secret).items()}
