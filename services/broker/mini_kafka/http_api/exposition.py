"""A snapshot as Prometheus reads it, in the text format or OpenMetrics.

The names are kafka_exporter's (github.com/danielqsj/kafka_exporter) for what it has, so that its dashboards and alerts
work here; all others begin with `mini_kafka_`. It runs on a thread, and is imported when somebody asks for the first
time, for the sake of `prometheus_client`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import cast

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, make_wsgi_app
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    Sample,
)

from mini_kafka.engine.port import GroupDescription, TopicDescription
from mini_kafka.http_api.metrics_snapshot import LogSnapshot, Snapshot, TrafficSnapshot
from mini_kafka.measures import Durations
from mini_kafka_shared import __version__

PARTITION = ("topic", "partition")
GROUP_TOPIC = ("consumergroup", "topic")
GROUP_PARTITION = ("consumergroup", "topic", "partition")

_VERSION = re.compile(r"version=(?!\d{1,4}(\.\d{1,4}){0,2}\s*$)", re.ASCII)


def expose(snapshot: Snapshot, accept: str, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    """Write a snapshot in the form that a scraper accepts, and give the header fields that say which it is."""
    registry = CollectorRegistry()
    registry.register(_Families(snapshot))
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/metrics",
        "HTTP_ACCEPT": _understandable(accept),
        "HTTP_ACCEPT_ENCODING": accept_encoding,
    }
    fields: dict[str, str] = {}

    def start_response(status: str, headers: Iterable[tuple[str, str]]) -> None:
        del status
        fields.update(headers)

    return b"".join(make_wsgi_app(registry)(environ, start_response)), fields


def _understandable(accept: str) -> str:
    """Leave out media types whose version is no number, over which prometheus_client falls."""
    return ",".join(part for part in accept.split(",") if not any(_VERSION.match(it.strip()) for it in part.split(";")))


class _Families:
    """Gives one family of metrics after the other, so that only one is in memory as objects."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Give them."""
        it = self._snapshot
        yield InfoMetricFamily(
            "mini_kafka_build", "The broker's version and engine.", {"version": __version__, "engine": it.engine}
        )
        if it.log is not None:
            yield from _of_topics(it.log.topics)
            yield from _of_groups(it.log.groups)
            yield from _of_the_log(it.log)
        yield from _of_the_broker(it)
        yield _histogram(
            "mini_kafka_event_loop_lag_seconds", "How late the event loop runs what is due.", (), {(): it.loop_lag}
        )
        yield _gauge(
            "mini_kafka_connections", "Open connections.", ("listener",),
            (((traffic.listener,), traffic.connections) for traffic in it.traffic),
        )  # fmt: skip
        for traffic in it.traffic:
            yield from _of_a_listener(traffic)


def _of_topics(topics: Sequence[TopicDescription]) -> Iterator[Metric]:
    yield _gauge(
        "kafka_topic_partitions", "Partitions of a topic.", ("topic",),
        (((topic.name,), len(topic.partitions)) for topic in topics),
    )  # fmt: skip
    yield _gauge(
        "kafka_topic_partition_current_offset", "The high watermark: the offset after the last record.", PARTITION,
        (((topic.name, str(it.partition)), it.high_watermark) for topic in topics for it in topic.partitions),
    )  # fmt: skip
    yield _gauge(
        "kafka_topic_partition_oldest_offset", "The log start offset: that of the first record kept.", PARTITION,
        (((topic.name, str(it.partition)), it.log_start_offset) for topic in topics for it in topic.partitions),
    )  # fmt: skip


def _of_groups(groups: Sequence[GroupDescription]) -> Iterator[Metric]:
    yield _gauge(
        "kafka_consumergroup_members", "Members that are at work in a group.", ("consumergroup",),
        (((group.name,), len(group.members)) for group in groups),
    )  # fmt: skip
    text = "The next offset to read, which a group has committed"
    yield from _of_group_offsets(groups, "kafka_consumergroup_current_offset", text, "committed_offset")
    text = "The offsets from the committed one to the end of the log"
    yield from _of_group_offsets(groups, "kafka_consumergroup_lag", text, "lag")
    states = ("acquired", "available", "delayed", "condemned")
    yield _gauge(
        "mini_kafka_sharegroup_records", "Records in flight of a group that shares them, by state.",
        ("consumergroup", "state"),
        (
            ((group.name, state), sum(getattr(it, state) for it in group.partitions))
            for group in groups if group.kind == "shared" for state in states
        ),
    )  # fmt: skip


def _of_group_offsets(groups: Sequence[GroupDescription], name: str, text: str, value: str) -> Iterator[Metric]:
    """Give one value of a group's partitions, and its sum over those of each topic."""
    yield _gauge(
        name, f"{text}.", GROUP_PARTITION,
        (
            ((group.name, it.topic, str(it.partition)), getattr(it, value))
            for group in groups for it in group.partitions
        ),
    )  # fmt: skip
    yield _gauge(
        f"{name}_sum", f"{text}, over all partitions of a topic.", GROUP_TOPIC,
        (((group.name, topic), total) for group in groups for topic, total in _sums(group, value).items()),
    )  # fmt: skip


def _sums(group: GroupDescription, value: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for it in group.partitions:
        sums[it.topic] = sums.get(it.topic, 0) + getattr(it, value)
    return sums


def _of_the_log(it: LogSnapshot) -> Iterator[Metric]:
    for name, text, value in (
        ("mini_kafka_topics", "Topics.", it.topic_count),
        ("mini_kafka_partitions", "Partitions of all topics.", it.partition_count),
        ("mini_kafka_consumergroups", "Groups that have committed an offset.", it.group_count),
    ):
        yield GaugeMetricFamily(name, text, value)
    yield _gauge(
        "mini_kafka_metrics_left_out", "What is not shown one by one (MINI_KAFKA_METRICS_MAX_PARTITIONS).", ("kind",),
        ((("topics",), it.topic_count - len(it.topics)), (("groups",), it.group_count - len(it.groups))),
    )  # fmt: skip


def _of_the_broker(it: Snapshot) -> Iterator[Metric]:
    usage = it.usage
    for name, text, value in (
        ("kafka_brokers", "Brokers.", usage.brokers),
        ("mini_kafka_ready", "1 while calls can be answered, as at /readyz; 0 while a cluster is away.", int(it.ready)),
        ("mini_kafka_log_bytes", "What the log takes of its memory.", usage.log_bytes),
        ("mini_kafka_log_limit_bytes", "What the log may take (MINI_KAFKA_MEMORY_LIMIT).", usage.log_limit_bytes),
        ("mini_kafka_cluster_queue_bytes", "Records that are on their way to the cluster.", usage.queued_bytes),
        (
            "mini_kafka_cluster_queue_limit_bytes", "What they may take (MINI_KAFKA_CLUSTER_QUEUE_BYTES).",
            usage.queued_limit_bytes,
        ),
        ("mini_kafka_waiting_calls", "Calls that wait for records.", usage.waiting_calls),
        ("mini_kafka_streams", "Open streams.", it.streams),
        ("mini_kafka_streams_limit", "Streams that may be open (MINI_KAFKA_MAX_STREAMS).", it.streams_limit),
        ("mini_kafka_buffered_body_bytes", "Bodies of requests that are on their way.", it.buffered_bytes),
        (
            "mini_kafka_buffered_body_limit_bytes", "What such bodies may take (MINI_KAFKA_MAX_BUFFERED_BODY_BYTES).",
            it.buffered_bytes_limit,
        ),
    ):  # fmt: skip
        if value is not None:
            yield GaugeMetricFamily(name, text, value)


def _of_a_listener(traffic: TrafficSnapshot) -> Iterator[Metric]:
    prefix = f"mini_kafka_{traffic.listener}"
    requests = CounterMetricFamily(f"{prefix}_requests", "Answered requests.", labels=(*traffic.labels, "status"))
    for kind, statuses in traffic.statuses.items():
        for status, count in statuses.items():
            requests.add_metric((*kind, str(status)), count)
    yield requests
    yield _histogram(
        f"{prefix}_request_duration_seconds", "From a request's head to its answer, waiting included.",
        traffic.labels, traffic.durations,
    )  # fmt: skip


def _gauge(
    name: str, text: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    # One after the other: 10,000 of them at once would set the garbage collector to work, and hold up the loop.
    lazily = (Sample(name, dict(zip(labels, values, strict=True)), value) for values, value in samples)
    family.samples = cast("list[Sample]", lazily)
    return family


def _histogram(name: str, text: str, labels: Sequence[str], samples: Mapping[tuple[str, ...], Durations]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, durations in samples.items():
        bounds = [*(str(float(bound)) for bound in durations.bounds), "+Inf"]
        family.add_metric(values, list(zip(bounds, accumulate(durations.counts), strict=True)), durations.total_s)
    return family
