"""From librdkafka's error codes to the core's errors: the one table, and what is not in it.

librdkafka numbers its own errors below zero and hands Kafka's on as they came. A code says what happened, never to
whom: the caller of a function knows the topic or the group, and says it in `named`.
"""

from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError, KafkaException

from mini_kafka.core.errors import (
    BrokerError,
    BrokerStopping,
    ClusterDenied,
    ClusterRefused,
    ClusterUnavailable,
    GroupNotFound,
    InvalidConfig,
    InvalidGroupName,
    InvalidPartitions,
    InvalidTopic,
    TopicExists,
    UnknownTopic,
)

Translation = Callable[[str, str], BrokerError]
"""From the name that the call was about, and the cluster's own sentence."""


def _unavailable(_: str, reason: str) -> BrokerError:
    return ClusterUnavailable(reason)


def _stopping(_: str, __: str) -> BrokerError:
    return BrokerStopping()


ALL_AWAY = KafkaError._ALL_BROKERS_DOWN
"""What librdkafka says after it has said of each node what is wrong with it."""
STOPPING = KafkaError._DESTROY
REFUSED_SETTING = KafkaError._INVALID_ARG
QUEUE_FULL = KafkaError._QUEUE_FULL
MSG_TIMED_OUT = KafkaError._MSG_TIMED_OUT
FATAL = KafkaError._FATAL
"""What an idempotent producer says for ever, once it cannot tell any more what the cluster has of its records."""
ENDED_WITH_PRODUCER = frozenset({FATAL, KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})
"""What is said of a record that had no chance any more, because its producer had none."""
PARTITION_EOF = KafkaError._PARTITION_EOF
AUTO_OFFSET_RESET = KafkaError._AUTO_OFFSET_RESET
NONE_THERE = -1
"""Kafka's answer where there is no such offset, for instance no record of a time."""
TOPIC_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})

AWAY = (
    KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE,
    KafkaError._MSG_TIMED_OUT, KafkaError._RESOLVE, KafkaError._WAIT_COORD, KafkaError._NOENT,
    KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RETRY, KafkaError._PURGE_QUEUE,
    KafkaError._PURGE_INFLIGHT, KafkaError._FATAL, KafkaError._WAIT_CACHE, KafkaError._QUEUE_FULL,
    KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.REQUEST_TIMED_OUT,
    KafkaError.BROKER_NOT_AVAILABLE, KafkaError.REPLICA_NOT_AVAILABLE, KafkaError.NETWORK_EXCEPTION,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, KafkaError.NOT_CONTROLLER,
    KafkaError.KAFKA_STORAGE_ERROR, KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE, KafkaError.THROTTLING_QUOTA_EXCEEDED,
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, KafkaError.UNKNOWN_PRODUCER_ID, KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.INVALID_PRODUCER_ID_MAPPING,
    KafkaError.INVALID_MSG, KafkaError.CONCURRENT_TRANSACTIONS, KafkaError.FETCH_SESSION_ID_NOT_FOUND,
    KafkaError.INVALID_FETCH_SESSION_EPOCH, KafkaError.LISTENER_NOT_FOUND, KafkaError.PREFERRED_LEADER_NOT_AVAILABLE,
    KafkaError.ELIGIBLE_LEADERS_NOT_AVAILABLE, KafkaError.UNSTABLE_OFFSET_COMMIT, KafkaError.INCONSISTENT_TOPIC_ID,
    KafkaError._DESTROY_BROKER, KafkaError._NODE_UPDATE, KafkaError._INTR, KafkaError._ISR_INSUFF,
    KafkaError._UNKNOWN_BROKER, KafkaError._OUTDATED,
)  # fmt: skip
"""What passes by itself: nodes that are away, move their work, or do not let us in yet; a producer that is to be made
anew. Of Kafka's codes all that its own clients try again (their `RetriableException`, 4.3.1) and a gateway can get."""

DENIED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
)  # fmt: skip
"""What the gateway's user may not do, and does not pass by itself."""

MOVING = frozenset(
    {KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR}
)
"""What is answered while a group's coordinator changes: nothing was done, so the question may be put again."""

TRANSLATIONS: Mapping[int, Translation] = {
    **dict.fromkeys(AWAY, _unavailable),
    **dict.fromkeys(DENIED, ClusterDenied),
    STOPPING: _stopping,
    KafkaError.UNKNOWN_TOPIC_OR_PART: lambda name, _: UnknownTopic(name),
    KafkaError._UNKNOWN_TOPIC: lambda name, _: UnknownTopic(name),
    KafkaError._UNKNOWN_PARTITION: lambda name, _: UnknownTopic(name),
    KafkaError.UNKNOWN_TOPIC_ID: lambda name, _: UnknownTopic(name),
    KafkaError.TOPIC_EXCEPTION: lambda name, reason: InvalidTopic(
        f"topic name {name[:249]!r} is not allowed: {reason}"
    ),
    KafkaError.TOPIC_ALREADY_EXISTS: lambda name, _: TopicExists(f"topic {name!r} exists already"),
    KafkaError.INVALID_PARTITIONS: lambda name, reason: InvalidPartitions(
        f"topic {name!r} cannot have this number of partitions: {reason}"
    ),
    KafkaError.INVALID_CONFIG: lambda name, reason: InvalidConfig(f"topic {name!r} cannot have this config: {reason}"),
    KafkaError.GROUP_ID_NOT_FOUND: lambda name, _: GroupNotFound(name),
    KafkaError.INVALID_GROUP_ID: lambda _, __: InvalidGroupName(),
}
"""What an error of librdkafka or of Kafka is to the core; any other code is `ClusterRefused`, with its sentence."""


def translated(error: KafkaError, named: str = "") -> BrokerError:
    """Give the core's error for one of librdkafka's, about the topic or group `named`."""
    translation = TRANSLATIONS.get(error.code())
    reason = f"{error.str()} ({error.name()})"
    return ClusterRefused(reason) if translation is None else translation(named, reason)


def is_moving(error: BrokerError) -> bool:
    """Tell whether an error is only that the group's coordinator moves from one node to another."""
    cause = error.__cause__
    return isinstance(cause, KafkaException) and cause.args[0].code() in MOVING


def of_exception(error: KafkaException, named: str = "") -> BrokerError:
    """Give the core's error for what librdkafka raised."""
    return translated(error.args[0], named)


def known_offset(offset: int) -> int:
    """Take an offset that the cluster has told, or -1, its word for none.

    Raises:
        KafkaException: librdkafka has none to tell, and says so without an error where a leader has just gone (2.16).
    """
    if offset < NONE_THERE:
        raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
    return offset
