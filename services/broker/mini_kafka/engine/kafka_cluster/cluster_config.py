"""What the cluster engine has to be told, and what librdkafka is told in turn.

The only place with librdkafka's names of settings. Whatever is secret leaves it in nobody else's hands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mini_kafka.core.share_group import MAX_DELIVERY_COUNT, MAX_IN_FLIGHT
from mini_kafka.engine.dead_letters import DEAD_LETTER_TOPIC
from mini_kafka.engine.kafka_cluster.gateway_name import default_name
from mini_kafka.engine.sharing import GROUP_MAX_SIZE, MAX_LOCK_MS
from mini_kafka.engine.waiters import MAX_WAIT_MS

CLIENT_ID = "mini-kafka-gateway"
READER_GROUP = "mini-kafka-gateway-reader"
"""librdkafka wants a group's name from every consumer; those that read never join it and never commit."""
BATCH_BYTES = 1_000_000
"""The largest batch of the ordinary producer: under Kafka's default of `max.message.bytes`."""
MAX_RECORD_BYTES = 100_000_000
"""The largest record that is sent at all: what a topic takes is said by its `max.message.bytes`, and checked before."""
RECONNECT_MS = 100
RECONNECT_MAX_MS = 1000
"""So soon, and at least so often, a node that is away is tried again: librdkafka's 10 s would heal late."""
MAX_SOCKET_TIMEOUT_MS = 300_000
"""The longest that librdkafka takes; a question itself may take longer."""
LINGER_MS = 5
"""How long records may wait for those behind them, where the flush that follows each call does not come sooner."""
NEVER = 0
READER_QUEUE_KB = 4096
READER_FETCH_BYTES = 262_144
READER_FETCH_WAIT_MS = 5
"""A consumer of the pool is asked for records that are there: an empty fetch only holds up the next call's."""
FETCH_ERROR_BACKOFF_MS = 500
"""How long a consumer leaves a partition alone whose topic is gone, before it looks whether there is one of its name:
librdkafka's default, on which `topic_views.BOUNDS_AGE_S` relies."""
SHARED_GROUPS = 100
"""Groups that one gateway shares records of at the same time: each costs some ten threads and up to 25 MiB."""
SHARE_IDLE_MS = 10_000
"""How long nobody asks for a group's records before the gateway leaves it to the others."""

QUESTION_PART = 0.95
"""The part of a call's time that each of its questions may take: if it is the only one, there is time to say why."""
METADATA_MS = 3000
"""So late an admin client learns of another controller, and of nodes that came or went."""

LibrdkafkaConfig = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Security:
    """How the cluster is trusted and logged in to, in librdkafka's settings; never shown, for it holds the password."""

    settings: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """What the cluster engine has to be told; sizes in bytes, times in milliseconds."""

    bootstrap_servers: tuple[str, ...]
    security: Security = field(default_factory=Security)
    timeout_ms: int = 15_000
    queue_bytes: int = 64 * 1024 * 1024
    readers: int = 8
    num_partitions: int | None = None
    """Partitions of a topic where the call names none; None takes the cluster's own default."""
    auto_create_topics: bool = True
    max_wait_ms: int = MAX_WAIT_MS
    group_max_size: int = GROUP_MAX_SIZE
    share_max_delivery_count: int = MAX_DELIVERY_COUNT
    share_max_in_flight: int = MAX_IN_FLIGHT
    share_max_lock_ms: int = MAX_LOCK_MS
    dead_letter_topic: str = DEAD_LETTER_TOPIC
    gateway_name: str = field(default_factory=default_name)
    """What this gateway's locks are known by; no other one that is running has it."""
    shared_groups: int = SHARED_GROUPS
    share_idle_ms: int = SHARE_IDLE_MS

    @property
    def call_s(self) -> float:
        """The time within which every call is answered, in seconds, beside what it waits for records."""
        return self.timeout_ms / 1000

    @property
    def timeout_s(self) -> float:
        """The time that one question to the cluster may take, in seconds."""
        return self.call_s * QUESTION_PART


def client_config(config: ClusterConfig) -> LibrdkafkaConfig:
    """Give what every client of the cluster is told."""
    return {
        "bootstrap.servers": ",".join(config.bootstrap_servers),
        "client.id": CLIENT_ID,
        "socket.timeout.ms": min(max(1000, config.timeout_ms), MAX_SOCKET_TIMEOUT_MS),
        "socket.connection.setup.timeout.ms": max(1000, config.timeout_ms),
        "reconnect.backoff.ms": RECONNECT_MS,
        "reconnect.backoff.max.ms": RECONNECT_MAX_MS,
        "log.connection.close": False,
        **config.security.settings,
    }


def admin_config(config: ClusterConfig) -> LibrdkafkaConfig:
    """Give what an admin client is told: it sends most requests to the controller that it heard of last."""
    return client_config(config) | {"topic.metadata.refresh.interval.ms": METADATA_MS}


def producer_config(config: ClusterConfig, batch_bytes: int = BATCH_BYTES) -> LibrdkafkaConfig:
    """Give what a producer is told: every record once, in order, by all replicas in sync, at once.

    The engine itself bounds what waits, so that a call is queued whole or not at all, and how long: librdkafka goes on
    without a record that it has given up, and sends those behind it once more, as new ones, whether the cluster has
    them or not (seen with 2.16 and Kafka 4.3.1).
    """
    return client_config(config) | {
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": LINGER_MS,
        "batch.size": batch_bytes,
        "message.max.bytes": MAX_RECORD_BYTES,
        "message.timeout.ms": NEVER,
        "queue.buffering.max.messages": 0,
        "queue.buffering.max.kbytes": 2**31 - 1,
        "topic.metadata.propagation.max.ms": min(5000, config.timeout_ms),
    }


def reader_config(config: ClusterConfig) -> LibrdkafkaConfig:
    """Give what a consumer of the pool is told: no record of an open or aborted transaction, no commit, no reset."""
    return client_config(config) | {
        "group.id": READER_GROUP,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        "fetch.wait.max.ms": READER_FETCH_WAIT_MS,
        "fetch.message.max.bytes": READER_FETCH_BYTES,
        "queued.max.messages.kbytes": READER_QUEUE_KB,
        "fetch.queue.backoff.ms": READER_FETCH_WAIT_MS,
        "fetch.error.backoff.ms": FETCH_ERROR_BACKOFF_MS,
    }
