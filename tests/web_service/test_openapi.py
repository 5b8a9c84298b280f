"""The service does what its OpenAPI document says, whatever it is sent: Schemathesis, with every check it has."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.web_service.conftest import open_shop, publish_release, running

KEYS = {f"recsys_{scope}_key": SecretStr(f"the-{scope}-key") for scope in ("read", "write", "admin")}
COMMAND = (
    sys.executable,
    "-m",
    "schemathesis.cli",
    "--config-file",
    str(Path(__file__).with_name("schemathesis.toml")),
)


def test_the_service_keeps_its_word(web_database, release_files, seconds_of, tmp_path):
    open_shop(web_database)
    publish_release(web_database, "first", *release_files["first"])
    with running(web_database.model_copy(update={**KEYS, "recsys_require_keys": True})) as client:
        examples = str(seconds_of(2, 100))
        url = f"{client.base_url}/openapi.json"
        asked = subprocess.run(
            [*COMMAND, "run", url, "--max-examples", examples],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    if asked.returncode:
        pytest.fail("\n".join(line[:1000] for line in (asked.stdout + asked.stderr).splitlines()), pytrace=False)
