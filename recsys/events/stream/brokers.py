"""What the client needs to know of the brokers, and what their refusals mean."""

from typing import Any, Final

from confluent_kafka import KafkaError

from recsys.errors import ConfigError, RecsysError, StoreError
from recsys.events.stream.params import KafkaParams
from recsys.layout import Settings
from recsys.types import SiteId

AWAY: Final = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,
    KafkaError._WAIT_COORD,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NETWORK_EXCEPTION,
}
"""What passes by itself when the brokers are back."""
REFUSED: Final = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError._SSL,
}
"""What another user, or another password, would mend."""
UNKNOWN_TOPIC: Final = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}


def configuration(params: KafkaParams, settings: Settings, site: SiteId) -> dict[str, Any]:
    """The client's configuration; it holds the password."""
    sasl = {
        "sasl.mechanism": params.sasl_mechanism,
        "sasl.username": settings.recsys_kafka_username,
        "sasl.password": settings.recsys_kafka_password.get_secret_value(),
    }
    authority = {"ssl.ca.location": str(settings.recsys_kafka_ca_file)} if settings.recsys_kafka_ca_file else {}
    return {
        "bootstrap.servers": params.bootstrap_servers,
        "group.id": f"recsys-{site}",
        "client.id": "recsys",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "log_level": 0,
        "isolation.level": "read_committed",
        "reconnect.backoff.max.ms": 5_000,
        "security.protocol": params.security,
        **(sasl if params.security.startswith("sasl") else {}),
        **(authority if "ssl" in params.security else {}),
    }


def refusal(error: KafkaError | None, params: KafkaParams, *, waited: float) -> RecsysError:
    """What to tell a person: the brokers refuse, or do not answer."""
    if error is not None and error.code() in REFUSED:
        return ConfigError(
            f"the brokers at {params.bootstrap_servers} refuse: {error.str()}; expected a user who may read "
            f"{params.topic!r}. Check RECSYS_KAFKA_USERNAME, RECSYS_KAFKA_PASSWORD, RECSYS_KAFKA_CA_FILE, and "
            "source.params.security in the site's YAML"
        )
    limit = f" within {waited:.0f} seconds" if waited < float("inf") else ""
    return StoreError(
        f"no broker at {params.bootstrap_servers} answered{limit}"
        f"{f' ({error.str()})' if error is not None else ''}; start them, or correct source.params.bootstrap_servers "
        "in the site's YAML. Nothing that landed is lost: the next run goes on there"
    )
