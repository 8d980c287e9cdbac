"""The broker's settings: every limit has a name, a reason and a default. Read by `bootstrap` alone."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from mini_kafka.cluster_settings import ClusterSettings
from mini_kafka.kafka_configs import KAFKA_NAMES
from mini_kafka.listening import EVERYWHERE, Listener
from mini_kafka.machine import default_max_connections, default_memory_limit
from mini_kafka_shared.logging_setup import LogFormat, LogLevel
from mini_kafka_shared.settings import CommaSeparated, HostAndPort

INT64_MAX = 2**63 - 1
DEFAULT_LISTENER = "PLAINTEXT"
"""What the listener of `kafka_port` is called."""
Port = Annotated[int, Field(ge=0, le=65535)]
PortOrOff = Annotated[Port | None, BeforeValidator(lambda value: None if value in {"", "off"} else value)]
Milliseconds = Annotated[int, Field(ge=0, le=INT64_MAX)]
SessionTimeout = Annotated[int, Field(ge=1, le=2**31 - 1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _listeners(value: object) -> object:
    """Read `NAME://HOST:PORT,…`, without the controller's listener, which a single node does not need."""
    if not isinstance(value, str):
        return value
    listeners = [Listener.parse(part.strip()) for part in value.split(",") if part.strip()]
    return tuple(listener for listener in listeners if listener.name != "CONTROLLER")


def _reachable(listeners: tuple[Listener, ...]) -> tuple[Listener, ...]:
    for listener in listeners:
        if listener.address.host == EVERYWHERE or not listener.address.port:
            raise ValueError(f"has {str(listener)!r}, which no client can connect to: name a host and a port")
    return listeners


def _published(value: object) -> object:
    """Read what a compose file may have in front of the container's port: an address and a port, or a port alone."""
    return f"127.0.0.1:{value}" if isinstance(value, str) and value.isdecimal() else value


Published = Annotated[HostAndPort, BeforeValidator(_published)]
Listeners = Annotated[tuple[Listener, ...], BeforeValidator(_listeners)]
AdvertisedListeners = Annotated[Listeners, AfterValidator(_reachable)]


class BrokerSettings(ClusterSettings):
    """The broker: `mini-kafka`."""

    model_config = SettingsConfigDict(env_prefix="MINI_KAFKA_")
    other_names = KAFKA_NAMES

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="The address to listen on; loopback by default, 0.0.0.0 opens the broker to the network.",
    )
    http_port: Port = Field(default=8000, description="The port of the HTTP API; 0 picks a free one.")
    kafka_port: PortOrOff = Field(
        default=9092, description="The port for Kafka clients; 0 picks a free one, off (or empty) leaves it closed."
    )
    published_kafka: Published = Field(
        default="127.0.0.1:9092",
        title="HOST:PORT",
        description="Where Kafka clients reach the broker's container through its published port: what a client is "
        "told whose connection comes from the container's default gateway. A port alone is one on 127.0.0.1.",
    )
    listeners: Listeners = Field(
        default=(),
        title="NAME://HOST:PORT,…",
        description="The addresses for Kafka clients, as Kafka writes them (PLAINTEXT://0.0.0.0:9092). Set, they "
        "replace kafka_port; one without a host listens everywhere.",
    )
    advertised_listeners: AdvertisedListeners = Field(
        default=(),
        title="NAME://HOST:PORT,…",
        description="What clients of each of the listeners are told, as Kafka writes it; a listener that is not named "
        "tells each client the address that its connection came to.",
    )

    @field_validator("advertised_listeners")
    @classmethod
    def _advertise_what_listens(cls, advertised: tuple[Listener, ...], info: ValidationInfo) -> tuple[Listener, ...]:
        """Refuse the address of a listener that does not exist, as Kafka does: its clients would never hear of it."""
        if "listeners" not in info.data:
            return advertised  # they are wrong themselves, which is said
        names = [listener.name for listener in info.data["listeners"]] or [DEFAULT_LISTENER]
        for listener in advertised:
            if listener.name not in names:
                raise ValueError(
                    f"names the listener {listener.name}, which does not exist: there is {', '.join(names)},"
                    " and --listeners makes others"
                )
        return advertised

    log_level: LogLevel = "info"
    log_format: LogFormat = "pretty"
    memory_limit: ByteSize = Field(
        default_factory=default_memory_limit,
        ge=1024 * 1024,
        le=2**50,
        title="SIZE",
        description="What all topics together may hold, in bytes or as 512MiB; over it a produce is refused with 429. "
        "Unset: half of the container's memory limit, or 1GiB where there is none.",
    )
    node_id: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        default=1, description="The broker's number in the answers to Kafka clients (Kafka's node.id)."
    )
    socket_request_max_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = Field(
        default=104_857_600,
        description="The largest request of a Kafka client, in bytes; a larger one ends its connection "
        "(Kafka's socket.request.max.bytes).",
    )
    queued_max_request_bytes: Annotated[int, Field(ge=-1, le=2**50)] = Field(
        default=134_217_728,
        description="What the requests of all Kafka clients that are on their way or in work may hold together, in "
        "bytes; over it large requests are read in turns, and over twice as much the largest ends its "
        "connection; -1 for no limit, which is Kafka's default (Kafka's queued.max.request.bytes).",
    )
    max_request_elements: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        default=100_000,
        description="How many array elements a request of a Kafka client may have, nested ones included: each costs "
        "some hundred bytes and some microseconds; one with more ends its connection.",
    )
    max_ahead_bytes: Annotated[ByteSize, Field(ge=0, le=2**31)] = Field(
        default=ByteSize(256 * 1024),
        title="SIZE",
        description="What is kept of what a Kafka client sends ahead while a request of its own is in work, in bytes "
        "or as 256KiB; over it its connection is not read.",
    )
    fetch_max_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = Field(
        default=57_671_680,
        description="The largest answer to a Kafka client's fetch, in bytes, beside a first batch that is larger "
        "(Kafka's fetch.max.bytes).",
    )
    max_unread_bytes: Annotated[ByteSize, Field(ge=0, le=2**50)] = Field(
        default=ByteSize(128 * 1024 * 1024),
        title="SIZE",
        description="What answers that Kafka clients have not read yet may hold together, in bytes or as 128MiB; over "
        "it a fetch is given one batch at a time.",
    )
    connections_max_idle_ms: Annotated[int, Field(ge=-1, le=INT64_MAX)] = Field(
        default=600_000,
        description="How long a Kafka client's connection may stay open without a request, in milliseconds; one whose "
        "fetch waits is not idle; -1 for ever (Kafka's connections.max.idle.ms).",
    )
    stall_timeout: Seconds = Field(
        default=30,
        title="SECONDS",
        description="How long a Kafka client may be silent in the middle of a request, or read nothing of an answer, "
        "in seconds, until its connection is closed: meanwhile it holds memory.",
    )
    num_partitions: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=1, description="How many partitions a new topic gets (Kafka's num.partitions)."
    )
    max_partitions: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=10_000,
        description="How many partitions all topics may have together: each costs memory and time even when it is "
        "empty; over it a topic is refused with 429. It bounds topics too, since each has one or more.",
    )
    max_groups: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        default=10_000,
        description="How many groups and consumers may have offsets: their names are kept until their topic is "
        "deleted; over it a new one is refused with 429.",
    )
    max_committed_offsets: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        default=100_000,
        description="How many committed offsets all groups may have together, one for each partition of each group: "
        "up to 2 kB each where records are shared; over it a new one is refused with 429.",
    )
    group_max_size: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1000,
        description="How many members a group may have, of Kafka clients or at work over HTTP, waiting for records or "
        "holding some: one record wakes all who wait (Kafka's group.max.size). Over it: 429, GROUP_MAX_SIZE_REACHED.",
    )
    max_group_bytes: Annotated[ByteSize, Field(ge=1024, le=2**50)] = Field(
        default=ByteSize(64 * 1024 * 1024),
        title="SIZE",
        description="What all groups of Kafka clients may hold together, in bytes or as 64MiB: names, what members "
        "say when they join, and what is assigned to them. Over it: GROUP_MAX_SIZE_REACHED.",
    )
    offset_metadata_max_bytes: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        default=4096,
        description="How many characters a Kafka client may keep with a committed offset (Kafka's "
        "offset.metadata.max.bytes).",
    )
    max_producers: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        default=100_000,
        description="How many idempotent producers of Kafka clients are remembered, one for each partition that each "
        "writes to: 1 kB of the memory limit; over it the one that was silent the longest is forgotten.",
    )
    producer_id_expiration_ms: Annotated[int, Field(ge=1, le=INT64_MAX)] = Field(
        default=86_400_000,
        description="How long a silent idempotent producer of a Kafka client is remembered, in milliseconds (Kafka's "
        "producer.id.expiration.ms).",
    )
    max_named_producers: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        default=10_000,
        description="How many producers of the HTTP API (Producer-Id) have their last answers kept, one for each topic "
        "that each writes to; over it the one that was silent the longest is forgotten.",
    )
    auto_create_topics_enable: bool = Field(
        default=True,
        description="Whether registering a producer or a consumer creates a missing topic "
        "(Kafka's auto.create.topics.enable); POST /topics/register always does.",
    )
    log_retention_ms: Annotated[int, Field(ge=-1, le=INT64_MAX)] = Field(
        default=604_800_000,
        description="How long a topic keeps its records, in milliseconds (retention.ms); -1 for ever.",
    )
    log_retention_bytes: Annotated[int, Field(ge=-1, le=INT64_MAX)] = Field(
        default=-1,
        description="How many bytes a partition keeps before its oldest records go (retention.bytes); -1 no limit.",
    )
    log_cleanup_policy: Literal["delete", "compact", "compact,delete", "delete,compact", ""] = Field(
        default="delete",
        title="POLICY",
        description="What becomes of a topic's old records (cleanup.policy): delete, compact, or compact,delete; "
        "an empty flag: nothing, they stay.",
    )
    message_max_bytes: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        default=1_048_588,
        description="The largest record batch that a topic takes, in bytes (max.message.bytes); larger: 413.",
    )
    log_message_timestamp_type: Literal["CreateTime", "LogAppendTime"] = Field(
        default="CreateTime",
        description="Whose time a record carries (message.timestamp.type): CreateTime is the producer's, "
        "LogAppendTime the broker's.",
    )
    log_message_timestamp_before_max_ms: Milliseconds = Field(
        default=INT64_MAX,
        description="How far behind the broker's time a record may lie (message.timestamp.before.max.ms), in "
        "milliseconds.",
    )
    log_message_timestamp_after_max_ms: Milliseconds = Field(
        default=3_600_000,
        description="How far ahead of the broker's time a record may lie (message.timestamp.after.max.ms), in "
        "milliseconds.",
    )
    group_initial_rebalance_delay_ms: Annotated[int, Field(ge=0, le=86_400_000)] = Field(
        default=0,
        description="How long a new consumer group waits for more members before its first rebalance, in "
        "milliseconds (Kafka's own default is 3000).",
    )
    group_min_session_timeout_ms: SessionTimeout = Field(
        default=6_000, description="The shortest session time-out of a group's member, in milliseconds."
    )
    group_max_session_timeout_ms: SessionTimeout = Field(
        default=1_800_000, description="The longest session time-out of a group's member, in milliseconds."
    )
    offsets_retention_minutes: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(
        default=10_080,
        description="How long a Kafka group's committed offsets are kept once it has no members, in minutes.",
    )
    max_incremental_fetch_session_cache_slots: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=1_000,
        description="How many fetch sessions of Kafka consumers are kept (KIP-227); others send all again.",
    )
    max_fetch_session_partitions: Annotated[int, Field(ge=0, le=100_000_000)] = Field(
        default=100_000,
        description="How many partitions all fetch sessions of Kafka consumers may keep together, 400 bytes each; over "
        "it a consumer is served without a session.",
    )
    allowed_hosts: CommaSeparated = Field(
        default=(),
        title="NAME,NAME",
        description="Names with a dot that requests may use as Host, beside IP addresses, localhost, "
        "host.docker.internal and names without a dot; others get 421 (DNS rebinding).",
    )
    max_head_bytes: Annotated[ByteSize, Field(ge=1024, le=2**24)] = Field(
        default=ByteSize(64 * 1024),
        title="SIZE",
        description="The largest head of a request, in bytes or as 64KiB; larger: 431. No client needs a tenth of it.",
    )
    max_decompressed_bytes: Annotated[ByteSize, Field(ge=1024, le=2**40)] = Field(
        default=ByteSize(64 * 1024 * 1024),
        title="SIZE",
        description="The widest that a client's compressed batch may become when it is read over HTTP; the records of "
        "a wider one are shown as unreadable.",
    )
    max_body_bytes: Annotated[ByteSize, Field(ge=1024, le=2**40)] = Field(
        default=ByteSize(8 * 1024 * 1024),
        title="SIZE",
        description="The largest request body, in bytes or as 8MiB; larger: 413 before it costs memory.",
    )
    max_control_body_bytes: Annotated[ByteSize, Field(ge=1024, le=2**40)] = Field(
        default=ByteSize(256 * 1024),
        title="SIZE",
        description="The largest body of a request that brings neither records nor locks, such as a change of a topic "
        "or of offsets, in bytes or as 256KiB: it is parsed at once. Larger: 413.",
    )
    max_buffered_body_bytes: Annotated[ByteSize, Field(ge=1024, le=2**40)] = Field(
        default=ByteSize(64 * 1024 * 1024),
        title="SIZE",
        description="What bodies that are still on their way may hold together, in bytes or as 64MiB; over it: 503.",
    )
    max_records_per_request: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=10_000,
        description="How many records one request may produce or read at once: more would hold up others; lines of "
        "NDJSON are not counted. Over it: 413.",
    )
    max_streams: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=1000,
        description="How many streams (follow=true and server-sent events) may be open; over it: 503.",
    )
    metrics_max_partitions: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=1000,
        description="How many partitions of topics, and of groups, /metrics shows one by one: a thousand of both cost "
        "every scrape 30 ms, which requests share; over it, topics and groups are left out whole, and counted.",
    )
    max_connections: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default_factory=default_max_connections,
        description="How many connections may be open. Over it 64 more are read to their first request: health checks "
        "are answered, all else gets 503; past those a connection is closed at once. "
        "Unset: 10000, or what the limit of open files leaves.",
    )
    max_connections_per_address: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=0,
        description="How many connections one address may have; 0 for no limit, because behind NAT, as in Docker, all "
        "clients have one address. Over it: as over MINI_KAFKA_MAX_CONNECTIONS.",
    )
    max_pipelined: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default=100,
        description="How many requests of a connection may wait behind the one that is being answered: more is sent by "
        "no client that reads. Over it: 429, and the connection ends.",
    )
    max_pipelined_body_bytes: Annotated[ByteSize, Field(ge=0, le=2**40)] = Field(
        default=ByteSize(64 * 1024),
        title="SIZE",
        description="How large the body of a request may be that waits behind another, in bytes or as 64KiB: it is "
        "kept meanwhile. Over it: 429, and the connection ends.",
    )
    max_wait_ms: Annotated[int, Field(ge=0, le=86_400_000)] = Field(
        default=30_000, description="The longest long poll, in milliseconds; a longer wait_ms is cut to it."
    )
    share_max_delivery_count: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=5,
        description="How often a shared group is given a record before it goes to the dead-letter topic "
        "(Kafka's group.share.delivery.count.limit).",
    )
    share_max_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=10_000,
        description="How many records one shared group may have in flight, delivered and not done: each costs memory; "
        "at the limit only records that came back are acquired.",
    )
    share_max_lock_ms: Annotated[int, Field(ge=1, le=86_400_000)] = Field(
        default=3_600_000,
        description="The longest lock on an acquired record, and the longest delay of a released one, in "
        "milliseconds; longer ones are cut to it. So late a lost consumer's record comes back.",
    )
    dead_letter_topic: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._-]*(\{topic\}[A-Za-z0-9._-]*)?$", max_length=249)
    ] = Field(
        default="{topic}.dlq",
        title="NAME",
        description="The topic for records that a shared group rejects or was given too often; {topic} becomes the "
        "name of their topic. Empty: they are dropped.",
    )
    header_timeout: Seconds = Field(
        default=10, title="SECONDS", description="How long a request's head may take to arrive, in seconds."
    )
    body_timeout: Seconds = Field(
        default=30, title="SECONDS", description="How long a request's body may take to arrive, in seconds."
    )
    idle_timeout: Seconds = Field(
        default=60, title="SECONDS", description="How long a connection may stay open without a request, in seconds."
    )


LIMITS_OF_A_LOG = (
    "memory_limit", "max_partitions", "max_groups", "max_committed_offsets", "message_max_bytes", "max_group_bytes",
    "offset_metadata_max_bytes", "max_producers", "producer_id_expiration_ms", "max_named_producers",
    "group_min_session_timeout_ms", "group_max_session_timeout_ms", "max_incremental_fetch_session_cache_slots",
    "max_fetch_session_partitions", "socket_request_max_bytes", "queued_max_request_bytes", "max_request_elements",
    "max_ahead_bytes", "fetch_max_bytes", "max_unread_bytes", "connections_max_idle_ms", "stall_timeout",
    "max_decompressed_bytes",
)  # fmt: skip
"""What a gateway does not have: the cluster has limits of its own, and serves the Kafka clients."""
LIMITS_OF_A_GATEWAY = ("cluster_queue_bytes", "cluster_readers", "cluster_shared_groups", "cluster_timeout")
LIMITS_OF_BOTH = (
    "group_max_size", "max_head_bytes", "max_body_bytes", "max_control_body_bytes", "max_buffered_body_bytes",
    "max_records_per_request", "max_streams", "metrics_max_partitions", "max_connections",
    "max_connections_per_address", "max_pipelined", "max_pipelined_body_bytes", "max_wait_ms",
    "share_max_delivery_count", "share_max_in_flight", "share_max_lock_ms", "header_timeout", "body_timeout",
    "idle_timeout",
)  # fmt: skip
LIMITS = LIMITS_OF_A_LOG + LIMITS_OF_A_GATEWAY + LIMITS_OF_BOTH


def limits_of(settings: BrokerSettings) -> dict[str, int | float]:
    """Give the limits that hold for the engine that answers; `GET /v1` shows them."""
    own = LIMITS_OF_A_GATEWAY if settings.engine == "kafka" else LIMITS_OF_A_LOG
    return {name: getattr(settings, name) for name in own + LIMITS_OF_BOTH}
