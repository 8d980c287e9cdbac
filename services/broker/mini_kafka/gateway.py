"""From settings to the engine of a gateway: what the cluster engine has to be told, the password among it.

The only place that opens a secret. Imports librdkafka, so `bootstrap` imports it only for a gateway.
"""

from confluent_kafka import KafkaException

from mini_kafka.cluster_settings import CannotUseCluster
from mini_kafka.engine.kafka_cluster.cluster_config import ClusterConfig, Security
from mini_kafka.engine.kafka_cluster.engine import KafkaClusterEngine
from mini_kafka.engine.kafka_cluster.gateway_name import default_name
from mini_kafka.settings import BrokerSettings


def build_engine(settings: BrokerSettings) -> KafkaClusterEngine:
    """Build the engine of a gateway.

    Raises:
        CannotUseCluster: a file cannot be read, or librdkafka does not take a setting.
    """
    config = build_config(settings)
    try:
        return KafkaClusterEngine(config)
    except KafkaException as error:
        raise CannotUseCluster(f"the settings for the Kafka cluster are refused: {error.args[0].str()}") from error


def build_config(settings: BrokerSettings) -> ClusterConfig:
    """Tell the engine what the settings say.

    Raises:
        CannotUseCluster: the file with the password cannot be read.
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
        max_groups=settings.max_groups,
        max_offsets=settings.max_committed_offsets,
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
    secret = _password(settings)
    given: dict[str, object] = {
        "security.protocol": settings.security_protocol,
        "ssl.ca.location": settings.ssl_ca_file,
        "ssl.certificate.location": settings.ssl_certificate_file,
        "ssl.key.location": settings.ssl_key_file,
        "sasl.mechanism": settings.sasl_mechanism,
    }
    if settings.sasl_mechanism == "OAUTHBEARER":
        given |= {
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": settings.sasl_username,
            "sasl.oauthbearer.client.secret": secret,
            "sasl.oauthbearer.token.endpoint.url": settings.sasl_token_url,
        }
    else:
        given |= {"sasl.username": settings.sasl_username, "sasl.password": secret}
    return Security({name: str(value) for name, value in given.items() if value})


def _password(settings: BrokerSettings) -> str:
    if settings.sasl_password_file is None:
        return settings.sasl_password.get_secret_value()
    try:
        return settings.sasl_password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CannotUseCluster(f"MINI_KAFKA_SASL_PASSWORD_FILE cannot be read: {reason}") from error
