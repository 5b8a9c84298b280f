"""Starts the web service: ``python -m web_service``, on the address and with the processes that the settings name.

The times fit a proxy before it: the proxy gives an idle connection up before we do, so it never sends a request on one
that is being closed.
"""

import resource

import uvicorn

from recsys.layout import Settings
from web_service.journal import configuration
from web_service.patience import PatientProtocol

KEPT_IDLE = 75
"""Seconds; more than the keepalive_timeout of the proxy's upstream."""
LAST_ANSWERS = 20
"""Seconds that requests under way have when the service is told to end."""
WAITING_TO_BE_TAKEN = 4096
"""Connections that the system holds until a process takes them."""


def main() -> None:
    """Serves until told to end. A process that dies is started again; the others go on."""
    settings = Settings()
    _allow_many_connections()
    uvicorn.run(
        "web_service.app:create_app",
        factory=True,
        host=settings.recsys_bind_host,
        port=settings.recsys_web_port,
        workers=settings.recsys_web_workers,
        http=PatientProtocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        backlog=WAITING_TO_BE_TAKEN,
        timeout_keep_alive=KEPT_IDLE,
        timeout_graceful_shutdown=LAST_ANSWERS,
        access_log=False,
        log_config=configuration(settings.recsys_log_format),
        server_header=False,
    )


def _allow_many_connections() -> None:
    """Each connection is an open file; as many as this user may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
