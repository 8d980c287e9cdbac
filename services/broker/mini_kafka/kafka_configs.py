"""Kafka's own names for the broker's settings, as `--config num.partitions=4` and KAFKA_NUM_PARTITIONS=4 give them.

The setting stays the one place of the value: a name here is another way to say it. The names in the environment are
those of the official image `apache/kafka`, so that a compose file that was written for it means the same here.
"""

from mini_kafka_shared.other_names import OtherName, OtherNames

_MINUTE, _HOUR = 60_000, 3_600_000

_SETTINGS = (
    "advertised_listeners", "auto_create_topics_enable", "connections_max_idle_ms", "fetch_max_bytes",
    "group_initial_rebalance_delay_ms",
    "group_max_session_timeout_ms", "group_max_size", "group_min_session_timeout_ms", "listeners", "log_cleanup_policy",
    "log_message_timestamp_after_max_ms", "log_message_timestamp_before_max_ms", "log_message_timestamp_type",
    "log_retention_bytes", "log_retention_ms", "max_incremental_fetch_session_cache_slots", "message_max_bytes",
    "node_id", "num_partitions", "offset_metadata_max_bytes", "offsets_retention_minutes", "producer_id_expiration_ms",
    "queued_max_request_bytes", "socket_request_max_bytes",
)  # fmt: skip

# What a broker of one node with its log in RAM has no use for, and what the examples of the official image set all
# the same: nobody needs a warning about it.
_WITHOUT_EFFECT = (
    "broker.id", "cluster.id", "controller.listener.names", "controller.quorum.bootstrap.servers",
    "controller.quorum.voters", "default.replication.factor", "inter.broker.listener.name",
    "listener.security.protocol.map", "log.dir", "log.dirs", "min.insync.replicas", "num.io.threads",
    "num.network.threads", "num.recovery.threads.per.data.dir", "offsets.topic.num.partitions",
    "offsets.topic.replication.factor", "process.roles", "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.num.partitions", "share.coordinator.state.topic.replication.factor",
    "transaction.state.log.min.isr", "transaction.state.log.num.partitions",
    "transaction.state.log.replication.factor",
    "heap.opts", "jvm.performance.opts", "log4j.opts", "opts", "port", "version", "home",  # no configs at all
)  # fmt: skip

KAFKA_NAMES = OtherNames(
    flag="config",
    prefix="KAFKA_",
    names={
        # Of several that are given the last one here counts, as in Kafka.
        "log.retention.hours": OtherName("log_retention_ms", _HOUR),
        "log.retention.minutes": OtherName("log_retention_ms", _MINUTE),
        **{field.replace("_", "."): OtherName(field) for field in _SETTINGS},
    },
    without_effect=frozenset(_WITHOUT_EFFECT),
)
