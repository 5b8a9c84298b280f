"""JupyterLab on the project's notebooks; all it writes for itself stays under RECSYS_HOME."""

import os
import sys

from recsys.layout import Settings
from recsys.local.servers.http import answers
from recsys.local.servers.server import PROJECT, Server


def jupyter(settings: Settings) -> Server:
    """The notebook server; kernels see the settings of the platform."""
    own = settings.recsys_home.resolve() / "jupyter"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser"]
    command += [f"--ServerApp.ip={settings.recsys_bind_host}", f"--ServerApp.port={settings.recsys_jupyter_port}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={PROJECT / 'recsys' / 'notebooks'}"]
    command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if os.geteuid() == 0:
        command.append("--allow-root")
    return Server(
        name="jupyter",
        command=tuple(command),
        environment={
            "JUPYTER_TOKEN": settings.recsys_jupyter_token.get_secret_value(),
            "JUPYTER_CONFIG_DIR": str(own / "config"),
            "JUPYTER_DATA_DIR": str(own / "data"),
            "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
            "IPYTHONDIR": str(own / "ipython"),
        },
        probe=answers(f"{settings.jupyter_url}/api"),
        ports={"RECSYS_JUPYTER_PORT": settings.recsys_jupyter_port},
    )
