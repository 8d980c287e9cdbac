"""What an engine has to be told: every limit that a setting can change, with Kafka's or our own default."""

from dataclasses import dataclass, field

from mini_kafka.core.fetch_session import MAX_KEPT_PARTITIONS, MAX_SESSIONS
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.offsets import MAX_GROUPS, MAX_OFFSETS
from mini_kafka.core.producer_sequences import MAX_NAMED_PRODUCERS
from mini_kafka.core.producer_states import EXPIRATION_MS, MAX_PRODUCERS
from mini_kafka.core.share_group import MAX_DELIVERY_COUNT, MAX_IN_FLIGHT
from mini_kafka.core.topic import MAX_PARTITIONS
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.batch_reader import MAX_DECOMPRESSED_BYTES
from mini_kafka.engine.dead_letters import DEAD_LETTER_TOPIC
from mini_kafka.engine.sharing import GROUP_MAX_SIZE, MAX_LOCK_MS
from mini_kafka.engine.waiters import MAX_WAIT_MS


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the memory engine has to be told; sizes in bytes, times in milliseconds."""

    memory_limit: int
    num_partitions: int = 1
    max_partitions: int = MAX_PARTITIONS
    max_groups: int = MAX_GROUPS
    max_offsets: int = MAX_OFFSETS
    group_max_size: int = GROUP_MAX_SIZE
    auto_create_topics: bool = True
    max_wait_ms: int = MAX_WAIT_MS
    max_decompressed_bytes: int = MAX_DECOMPRESSED_BYTES
    max_fetch_sessions: int = MAX_SESSIONS
    max_fetch_session_partitions: int = MAX_KEPT_PARTITIONS
    max_producers: int = MAX_PRODUCERS
    producer_expiration_ms: int = EXPIRATION_MS
    max_named_producers: int = MAX_NAMED_PRODUCERS
    share_max_delivery_count: int = MAX_DELIVERY_COUNT
    share_max_in_flight: int = MAX_IN_FLIGHT
    share_max_lock_ms: int = MAX_LOCK_MS
    dead_letter_topic: str = DEAD_LETTER_TOPIC
    topic_defaults: TopicConfig = field(default_factory=TopicConfig)
    group_limits: GroupLimits = field(default_factory=GroupLimits)
