"""From settings to the engine of a gateway: what the cluster engine has to be told, the password among it.

The only place that opens a secret. Imports librdkafka, so `bootstrap` imports it only for a gateway.
"""

from pathlib import Path

from confluent_kafka import KafkaException
from pydantic import SecretStr

from mini_kafka.cluster_settings import CannotUseCluster
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig, Security
from mini_kafka.engine.kafka_cluster.engine import KafkaClusterEngine
from mini_kafka.engine.kafka_cluster.gateway_name import default_name
from mini_kafka.settings import BrokerSettings

SYSTEM_AUTHORITIES = "probe"
"""Lets librdkafka look for the system's certificates: its HTTPS client takes one place for granted (2.16)."""
REFUSED = {
    "ssl.ca.location": ("MINI_KAFKA_SSL_CA_FILE", "it has to hold certificates, as PEM"),
    "ssl.certificate.location": ("MINI_KAFKA_SSL_CERTIFICATE_FILE", "it has to hold the certificate, as PEM"),
    "ssl.key.location": (
        "MINI_KAFKA_SSL_KEY_FILE",
        "it has to hold the certificate's key, as PEM; one with a password needs MINI_KAFKA_SSL_KEY_PASSWORD_FILE too",
    ),
}
"""What librdkafka refuses when it starts, by its own names."""


def build_engine(settings: BrokerSettings) -> KafkaClusterEngine:
    """Build the engine of a gateway.

    Raises:
        CannotUseCluster: a file cannot be read, or librdkafka does not take a setting.
    """
    config = build_config(settings)
    try:
        return KafkaClusterEngine(config)
    except KafkaException as error:
        raise CannotUseCluster(
            f"the settings for the Kafka cluster are refused: {_in_our_words(error.args[0].str())}"
        ) from error


def build_config(settings: BrokerSettings) -> ClusterConfig:
    """Tell the engine what the settings say.

    Raises:
        CannotUseCluster: a file cannot be read, or one with a password is empty.
    """
    return ClusterConfig(
        bootstrap_servers=settings.bootstrap_servers,
        security=_security(settings),
        timeout_ms=round(settings.cluster_timeout * 1000),
        queue_bytes=int(settings.cluster_queue_bytes),
        readers=settings.cluster_readers,
        num_partitions=settings.num_partitions if "num_partitions" in settings.model_fields_set else None,
        auto_create_topics=settings.auto_create_topics_enable,
        max_wait_ms=settings.max_wait_ms,
        group_max_size=settings.group_max_size,
        share_max_delivery_count=settings.share_max_delivery_count,
        share_max_in_flight=settings.share_max_in_flight,
        share_max_lock_ms=settings.share_max_lock_ms,
        dead_letter_topic=settings.dead_letter_topic,
        gateway_name=settings.gateway_name or default_name(),
        shared_groups=settings.cluster_shared_groups,
        share_idle_ms=round(settings.cluster_share_idle * 1000),
    )


def _security(settings: BrokerSettings) -> Security:
    password = _secret("SASL_PASSWORD_FILE", settings.sasl_password_file, settings.sasl_password)
    given: dict[str, object] = {
        "security.protocol": settings.security_protocol,
        "ssl.ca.location": _readable("SSL_CA_FILE", settings.ssl_ca_file),
        "ssl.certificate.location": _readable("SSL_CERTIFICATE_FILE", settings.ssl_certificate_file),
        "ssl.key.location": _readable("SSL_KEY_FILE", settings.ssl_key_file),
        "ssl.key.password": _secret("SSL_KEY_PASSWORD_FILE", settings.ssl_key_password_file, settings.ssl_key_password),
        "sasl.mechanism": settings.sasl_mechanism,
    }
    if settings.sasl_mechanism == "OAUTHBEARER":
        given |= {
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": settings.sasl_username,
            "sasl.oauthbearer.client.secret": password,
            "sasl.oauthbearer.token.endpoint.url": settings.sasl_token_url,
            "sasl.oauthbearer.scope": settings.sasl_token_scope,
            "https.ca.location": _readable("SASL_TOKEN_CA_FILE", settings.sasl_token_ca_file) or SYSTEM_AUTHORITIES,
        }
    else:
        given |= {"sasl.username": settings.sasl_username, "sasl.password": password}
    return Security({name: str(value) for name, value in given.items() if value})


def _readable(name: str, path: Path | None) -> Path | None:
    """Give the path of a file that can be read: librdkafka would only say that OpenSSL could not."""
    if path is not None:
        _read(name, path)
    return path


def _secret(name: str, path: Path | None, given: SecretStr) -> str:
    if path is None:
        return given.get_secret_value()
    try:
        secret = _read(name, path).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise CannotUseCluster(f"MINI_KAFKA_{name} cannot be read: it is not UTF-8") from None
    if not secret:
        raise CannotUseCluster(f"MINI_KAFKA_{name} is empty: write the password into {path}")
    return secret


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotUseCluster(f"MINI_KAFKA_{name} cannot be read: {error.strerror}: {path}") from error


def _in_our_words(reason: str) -> str:
    """Name our setting where librdkafka names its own, and say what may be wrong with it."""
    for name, (ours, advice) in REFUSED.items():
        if name in reason:
            return f"{reason.replace(name, ours)}; {advice}"
    return reason
