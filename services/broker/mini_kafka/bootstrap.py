"""From settings to a running broker and back: engine, listener, signals, graceful stop.

The only place that knows all floors. The order matters: the broker listens before FastAPI is imported, and on the
way down the engine ends all waiting before the listener stops, so that every long poll is answered.
"""

import asyncio
import gc
import logging
import math
import resource
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress

from starlette.types import ASGIApp

from mini_kafka.connection_limit import ConnectionLimit
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.engine.clock import Clock
from mini_kafka.engine.log_port import LogEngine
from mini_kafka.engine.memory import EngineConfig
from mini_kafka.engine.memory_log import MemoryLogEngine
from mini_kafka.engine.port import Engine
from mini_kafka.http_api.access import AccessPolicy
from mini_kafka.http_api.bounds import Bounds, HttpLimits, Limits
from mini_kafka.http_api.gate import Gate
from mini_kafka.http_api.hot import HotRoutes
from mini_kafka.http_api.server import HttpServer
from mini_kafka.kafka_configs import KAFKA_NAMES
from mini_kafka.kafka_wire.addresses import Advertiser, default_gateway
from mini_kafka.kafka_wire.bounds import WireBounds, WireLimits
from mini_kafka.kafka_wire.call import BrokerIdentity
from mini_kafka.kafka_wire.config_answers import BrokerSetting
from mini_kafka.kafka_wire.registry import APIS
from mini_kafka.kafka_wire.server import KafkaServer
from mini_kafka.listening import Address, Listener, bind
from mini_kafka.machine import connections_that_fit
from mini_kafka.measures import LoopLag, Measures, Traffic
from mini_kafka.settings import DEFAULT_LISTENER, BrokerSettings, limits_of
from mini_kafka_shared.logging_setup import say
from mini_kafka_shared.settings import text_of

logger = logging.getLogger(__name__)

SWITCH_S = 0.001
"""How long a thread at long work keeps the interpreter from the loop: of Python's own 5 ms every call would feel."""


def raise_open_files_limit() -> None:
    """Let the broker have as many connections as the machine allows: the soft limit is often 1,024.

    macOS names no hard limit and refuses to be taken at its word: there it is a number that it takes.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, 65_536, 10_240):
        if soft == hard or 0 <= wanted <= soft:
            return
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):
            continue
        return


def fit_open_files(settings: BrokerSettings) -> BrokerSettings:
    """Let no more connections in than there may be open files, or the next one could not even be refused."""
    fit = connections_that_fit(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if settings.max_connections <= fit:
        return settings
    logger.warning(
        "the limit of open files leaves %d connections, and not MINI_KAFKA_MAX_CONNECTIONS (%d): raise ulimit -n",
        fit, settings.max_connections,
    )  # fmt: skip
    return settings.model_copy(update={"max_connections": fit})


def build_engine(settings: BrokerSettings, clock: Clock | None = None) -> MemoryLogEngine:
    """Build the engine that the settings describe."""
    return MemoryLogEngine(
        EngineConfig(
            memory_limit=int(settings.memory_limit),
            num_partitions=settings.num_partitions,
            max_partitions=settings.max_partitions,
            max_groups=settings.max_groups,
            max_offsets=settings.max_committed_offsets,
            group_max_size=settings.group_max_size,
            max_decompressed_bytes=int(settings.max_decompressed_bytes),
            auto_create_topics=settings.auto_create_topics_enable,
            max_wait_ms=settings.max_wait_ms,
            share_max_delivery_count=settings.share_max_delivery_count,
            share_max_in_flight=settings.share_max_in_flight,
            share_max_lock_ms=settings.share_max_lock_ms,
            dead_letter_topic=settings.dead_letter_topic,
            max_fetch_sessions=settings.max_incremental_fetch_session_cache_slots,
            max_fetch_session_partitions=settings.max_fetch_session_partitions,
            max_producers=settings.max_producers,
            producer_expiration_ms=settings.producer_id_expiration_ms,
            max_named_producers=settings.max_named_producers,
            group_limits=GroupLimits(
                initial_rebalance_delay_ms=settings.group_initial_rebalance_delay_ms,
                min_session_timeout_ms=settings.group_min_session_timeout_ms,
                max_session_timeout_ms=settings.group_max_session_timeout_ms,
                max_size=settings.group_max_size,
                offsets_retention_ms=settings.offsets_retention_minutes * 60_000,
                offset_metadata_max_size=settings.offset_metadata_max_bytes,
                memory_bytes=int(settings.max_group_bytes),
            ),
            topic_defaults=TopicConfig(
                retention_ms=settings.log_retention_ms,
                retention_bytes=settings.log_retention_bytes,
                max_message_bytes=settings.message_max_bytes,
                cleanup_policy=settings.log_cleanup_policy,
                message_timestamp_type=settings.log_message_timestamp_type,
                message_timestamp_before_max_ms=settings.log_message_timestamp_before_max_ms,
                message_timestamp_after_max_ms=settings.log_message_timestamp_after_max_ms,
            ),
        ),
        clock,
    )


def start_gateway(settings: BrokerSettings) -> Engine:
    """Start the engine of a gateway on the running loop.

    Raises:
        CannotUseCluster: a setting names something that cannot be used, such as a file that is not there.
    """
    from mini_kafka.gateway import build_engine as build_cluster_engine  # whoever keeps topics in RAM never needs it

    engine = build_cluster_engine(settings)
    engine.start()
    if settings.kafka_port is not None or settings.listeners:
        servers = ",".join(settings.bootstrap_servers)
        logger.info("no port for Kafka clients is opened: they connect to the cluster itself, at %s", servers)
    return engine


def build_bounds(settings: BrokerSettings) -> Bounds:
    """Build the HTTP API's limits."""
    return Bounds(
        HttpLimits(
            body_bytes=int(settings.max_body_bytes),
            buffered_body_bytes=int(settings.max_buffered_body_bytes),
            control_body_bytes=int(settings.max_control_body_bytes),
            request_records=settings.max_records_per_request,
            streams=settings.max_streams,
            metrics_partitions=settings.metrics_max_partitions,
        ),
        limits_of(settings),
    )


def build_limits(settings: BrokerSettings) -> Limits:
    """Build the limits of one HTTP connection."""
    return Limits(
        header=settings.header_timeout,
        body=settings.body_timeout,
        idle=settings.idle_timeout,
        head_bytes=int(settings.max_head_bytes),
        pipelined=settings.max_pipelined,
        pipelined_body_bytes=int(settings.max_pipelined_body_bytes),
    )


def build_wire_limits(settings: BrokerSettings) -> WireLimits:
    """Build the limits of the Kafka port."""
    idle_ms = settings.connections_max_idle_ms
    return WireLimits(
        request_bytes=settings.socket_request_max_bytes,
        request_elements=settings.max_request_elements,
        ahead_bytes=int(settings.max_ahead_bytes),
        queued_bytes=settings.queued_max_request_bytes,
        fetch_bytes=settings.fetch_max_bytes,
        unread_bytes=int(settings.max_unread_bytes),
        idle_s=math.inf if idle_ms < 0 else idle_ms / 1000,
        stall_s=settings.stall_timeout,
    )


ALWAYS_SET = {"node_id"}
"""What Kafka has no default for, so that a broker that runs has it from its configuration."""


def kafka_settings(settings: BrokerSettings) -> Mapping[str, BrokerSetting]:
    """Give the settings that are Kafka's broker configs, by Kafka's names."""
    fields = BrokerSettings.model_fields
    return {
        name: BrokerSetting(
            other.shown(text_of(getattr(settings, other.field))),
            other.field in settings.model_fields_set or other.field in ALWAYS_SET,
            other.shown(text_of(fields[other.field].default)),
            fields[other.field].description or "",
        )
        for name, other in KAFKA_NAMES.names.items()
    }


def build_kafka_servers(
    settings: BrokerSettings, engine: LogEngine, connections: ConnectionLimit, traffic: Traffic
) -> list[KafkaServer]:
    """Build the listeners for Kafka clients: as many as the settings want, and none without a port.

    Raises:
        CannotListen: an address cannot be had.
    """
    wanted, flags = settings.listeners, "--listeners"
    if not wanted and settings.kafka_port is not None:
        wanted = (Listener(DEFAULT_LISTENER, Address(settings.host, settings.kafka_port)),)
        flags = "--host and --kafka-port (off leaves it closed)"
    advertised = {listener.name: listener.address for listener in settings.advertised_listeners}
    published, gateway = Address.parse(settings.published_kafka).reachable, default_gateway()
    identity = BrokerIdentity(settings.node_id, engine.cluster_id, kafka_settings(settings))
    bounds = WireBounds(build_wire_limits(settings))
    servers = []
    for listener in wanted:
        listening = bind(listener.address.host, listener.address.port, flags=flags)
        advertiser = Advertiser(Address.of(listening).port, advertised.get(listener.name), published, gateway)
        servers.append(KafkaServer(listening, APIS, engine, identity, advertiser, connections, traffic, bounds))
    return servers


async def load_app(gate: Gate, engine: Engine, bounds: Bounds, measures: Measures) -> None:
    """Import FastAPI and hand the application to the gate."""

    def load() -> tuple[ASGIApp, HotRoutes]:
        from mini_kafka.http_api.app import build_app  # 0.3 s: not before the broker listens

        return build_app(engine, bounds, measures)

    await gate.load(load)
    gc.freeze()  # what was imported stays: a collection that looks through it again only holds up requests


async def drain(bounds: Bounds, stop: asyncio.Event, seconds: float) -> None:
    """Answer on for a while as a broker that is not ready, until load balancers know, or `stop` is set once more."""
    if not seconds:
        return
    logger.info("stopping in %g s: /readyz sends new requests elsewhere until then", seconds)
    bounds.draining = True
    stop.clear()
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def serve(settings: BrokerSettings, stop: asyncio.Event) -> None:
    """Run a broker until `stop` is set.

    Raises:
        CannotListen, CannotUseCluster: the address cannot be had, or a setting for the cluster cannot be used.
    """
    sys.setswitchinterval(SWITCH_S)
    log_engine = build_engine(settings) if settings.engine == "memory" else None
    engine: Engine = log_engine or start_gateway(settings)
    bounds = build_bounds(settings)
    gate = Gate(engine, AccessPolicy(settings.allowed_hosts), bounds)
    connections = ConnectionLimit(settings.max_connections, settings.max_connections_per_address)
    listening = bind(settings.host, settings.http_port, flags="--host and --http-port")
    server = HttpServer(gate, listening, build_limits(settings), connections, gate.traffic)
    kafka_traffic = Traffic("kafka", ("api",))
    kafka_servers = build_kafka_servers(settings, log_engine, connections, kafka_traffic) if log_engine else []
    lag = LoopLag()
    lag.start()
    await server.start()
    for kafka in kafka_servers:
        await kafka.start()
    bounds.kafka_address = next((kafka.address.for_people for kafka in kafka_servers), None)
    addresses = ",".join(str(kafka.address) for kafka in kafka_servers)
    kafka_words = f" kafka={addresses}" if addresses else "" if log_engine else " engine=kafka"
    say(f"listening http={server.address}" + kafka_words)  # what scripts wait for
    measures = Measures([gate.traffic, kafka_traffic], lag.durations)
    loading = asyncio.create_task(load_app(gate, engine, bounds, measures))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        loading.result()
        more = f"the Kafka cluster: {engine.trouble}" if engine.trouble else f"epoch {engine.epoch}"
        logger.info("ready: http://%s/docs shows the API; %s", server.address.for_people, more)
        await stopping
        await drain(bounds, stop, settings.drain_time)
    logger.info("stopping")
    await engine.close()
    for kafka in kafka_servers:
        kafka.stop()
    await server.stop()
    lag.stop()


async def run(settings: BrokerSettings) -> None:
    """Run a broker until SIGINT or SIGTERM.

    Raises:
        CannotListen, CannotUseCluster: the address cannot be had, or a setting for the cluster cannot be used.
    """
    raise_open_files_limit()
    settings = fit_open_files(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop)


def run_until_stopped(settings: BrokerSettings) -> None:
    """Run a broker on the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(run(settings))
    else:
        uvloop.run(run(settings))
