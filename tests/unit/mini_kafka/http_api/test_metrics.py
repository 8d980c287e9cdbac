"""/metrics: kafka_exporter's names and ours, what they count, in which form, and what is left out of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from mini_kafka.core.errors import ClusterUnavailable
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.memory import MemoryEngine
from mini_kafka.engine.port import Caller, GroupDescription
from mini_kafka.http_api import metrics_snapshot
from mini_kafka.http_api.metrics_snapshot import GROUPS_AT_ONCE, take
from mini_kafka.measures import Measures
from tests.support.asgi import Answer
from tests.support.broker import Broker, tell
from tests.support.tasks import settle

ME = Caller("test")
Labels = frozenset[tuple[str, str]]


async def scrape(it: Broker, headers: Sequence[tuple[str, str]] = ()) -> dict[tuple[str, Labels], float]:
    answer = await it.get("/metrics", headers)
    assert answer.status == 200
    return samples(answer)


def samples(answer: Answer) -> dict[tuple[str, Labels], float]:
    """Read a scrape as Prometheus' own library does; two samples of one name and one set of labels are an error."""
    is_text = answer.headers["content-type"].startswith("text/plain")
    found: dict[tuple[str, Labels], float] = {}
    for family in (text_families if is_text else openmetrics_families)(answer.body.decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def of(found: dict[tuple[str, Labels], float], name: str) -> dict[tuple[str, ...], float]:
    """Give a metric's values by the values of its labels, in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(labels)): number
        for (other, labels), number in found.items()
        if other == name
    }


def value(found: dict[tuple[str, Labels], float], name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


async def fill(it: Broker) -> None:
    await it.ask("PUT", "/v1/topics/orders", [b'{"partitions": 2}'], [("content-type", "application/json")])
    for number in range(3):
        await it.post("/v1/topics/orders/records", {"value": number, "partition": 1})
    await it.engine.commit_offsets(ME, "till", {TopicPartition("orders", 0): 0, TopicPartition("orders", 1): 1})


def test_topics_and_groups_have_kafka_exporters_names_and_labels() -> None:
    async def story(it: Broker) -> None:
        await fill(it)
        found = await scrape(it)
        assert of(found, "kafka_brokers") == {(): 1}
        assert of(found, "kafka_topic_partitions") == {("orders",): 2}
        assert value(found, "kafka_topic_partition_current_offset", topic="orders", partition="1") == 3
        assert value(found, "kafka_topic_partition_oldest_offset", topic="orders", partition="1") == 0
        till = {"consumergroup": "till", "topic": "orders"}
        for name, by_partition in (("current_offset", [0, 1]), ("lag", [0, 2])):
            name = f"kafka_consumergroup_{name}"
            assert [value(found, name, **till, partition=str(number)) for number in (0, 1)] == by_partition
            assert value(found, f"{name}_sum", **till) == sum(by_partition)
        assert value(found, "kafka_consumergroup_members", consumergroup="till") == 0

    tell(story)


def test_a_shared_group_shows_its_records_in_flight_and_its_members() -> None:
    async def story(it: Broker) -> None:
        await fill(it)
        await it.post("/v1/groups/kitchen/acquire", {"topics": ["orders"], "max_records": 2, "member": "cook"})
        found = await scrape(it)
        assert of(found, "mini_kafka_sharegroup_records") == {
            ("kitchen", "acquired"): 2,
            ("kitchen", "available"): 0,
            ("kitchen", "delayed"): 0,
            ("kitchen", "condemned"): 0,
        }
        assert value(found, "kafka_consumergroup_members", consumergroup="kitchen") == 1

    tell(story)


def test_the_broker_shows_its_memory_its_limits_and_who_waits() -> None:
    async def story(it: Broker) -> None:
        await fill(it)
        poll = asyncio.create_task(it.get("/v1/topics/orders/records?from=latest&wait_ms=30000"))
        with it.bounds.streams.one():
            found = await scrape(it)
        assert value(found, "mini_kafka_waiting_calls") == 1
        assert value(found, "mini_kafka_streams") == 1
        assert value(found, "mini_kafka_log_bytes") == it.engine.memory_used > 0
        limits = ("log_limit_bytes", "streams_limit", "buffered_body_limit_bytes")
        assert [value(found, f"mini_kafka_{name}") for name in limits] == [2**20, 7, 2**21]
        assert [value(found, f"mini_kafka_{name}") for name in ("topics", "partitions", "consumergroups")] == [1, 2, 1]
        assert [labels[0] for labels in of(found, "mini_kafka_build_info")] == ["memory"]
        await it.engine.close()
        await poll

    tell(story, memory_limit=2**20, max_streams=7, max_buffered_body_bytes=2**21)


OF_THE_LOG = {
    "kafka_topic_partitions",
    "kafka_consumergroup_members",
    "mini_kafka_topics",
    "mini_kafka_consumergroups",
    "mini_kafka_metrics_left_out",
}


def test_a_gateway_whose_cluster_is_away_shows_itself_and_no_numbers_of_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(it: Broker) -> None:
        await fill(it)
        there = await scrape(it)
        monkeypatch.setattr(MemoryEngine, "trouble", "connection refused")
        away = await scrape(it)
        assert [of(found, "mini_kafka_ready") for found in (there, away)] == [{(): 1}, {(): 0}]
        assert {name for name, _ in there} - {name for name, _ in away} >= OF_THE_LOG
        assert of(away, "mini_kafka_streams") == {(): 0}

    tell(story)


async def _is_refused(caller: Caller) -> object:
    raise ClusterUnavailable("timed out")


async def _never_answers(caller: Caller) -> object:
    return await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("answer", [_is_refused, _never_answers])
def test_a_scrape_does_not_wait_for_a_cluster_that_goes_just_then(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[Caller], Awaitable[object]]
) -> None:
    async def story(it: Broker) -> None:
        monkeypatch.setattr(MemoryEngine, "gateway", "one")
        monkeypatch.setattr(metrics_snapshot, "CLUSTER_S", 0.01)
        it.engine.describe_topics = answer  # type: ignore[assignment, method-assign]
        found = await scrape(it)
        assert OF_THE_LOG.isdisjoint(name for name, _ in found)
        assert of(found, "kafka_brokers") == {(): 1}

    tell(story)


def test_requests_are_a_counter_and_a_histogram_by_listener() -> None:
    async def story(it: Broker) -> None:
        it.gate.traffic.connections = [object(), object()]
        await it.get("/stats")
        await it.get("/stats")
        found = await scrape(it)
        stats = {"method": "GET", "route": "/stats"}
        assert value(found, "mini_kafka_http_requests_total", **stats, status="200") == 2
        assert value(found, "mini_kafka_http_request_duration_seconds_count", **stats) == 2
        assert value(found, "mini_kafka_http_request_duration_seconds_bucket", **stats, le="+Inf") == 2
        assert value(found, "mini_kafka_http_request_duration_seconds_sum", **stats) > 0
        assert value(found, "mini_kafka_connections", listener="http") == 2

    tell(story)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="process_* come from /proc, which only Linux has")
def test_the_process_is_shown_by_the_usual_names() -> None:
    async def story(it: Broker) -> None:
        names = {name for name, _ in await scrape(it)}
        assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"} <= names
        assert {"python_info", "python_gc_collections_total"} <= names

    tell(story)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=0.0.4;q=0.5", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ("application/openmetrics-text;version=1.x, a/b", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain; version=abc", "text/plain; version=0.0.4; charset=utf-8"),
        (f"text/plain;version={'9' * 5000}", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text; version=", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)  # fmt: skip
def test_the_form_is_the_one_that_is_accepted_and_nonsense_gets_text(accept: str | None, media_type: str) -> None:
    async def story(it: Broker) -> None:
        await fill(it)
        answer = await it.get("/metrics", [("accept", accept)] if accept else ())
        assert (answer.status, answer.headers["content-type"].partition("; escaping")[0]) == (200, media_type)
        assert value(samples(answer), "kafka_topic_partitions", topic="orders") == 2

    tell(story)


def test_topics_and_groups_that_do_not_fit_are_left_out_whole_and_counted() -> None:
    async def story(it: Broker) -> None:
        for name, partitions in (("a", 2), ("b", 3), ("c", 1)):
            await it.engine.create_topic(ME, name, partitions=partitions)
        for group, topic, partitions in (("g1", "b", 3), ("g2", "c", 1), ("g3", "a", 2), ("g4", "a", 1)):
            await it.engine.commit_offsets(
                ME, group, {TopicPartition(topic, number): 0 for number in range(partitions)}
            )
        found = await scrape(it)
        assert set(of(found, "kafka_topic_partitions")) == {("a",), ("c",)}
        assert set(of(found, "kafka_consumergroup_members")) == {("g1",)}
        assert of(found, "mini_kafka_metrics_left_out") == {("topics",): 1, ("groups",): 3}
        assert [value(found, f"mini_kafka_{name}") for name in ("topics", "partitions", "consumergroups")] == [3, 6, 4]

    tell(story, metrics_max_partitions=3)


def test_any_group_has_a_label() -> None:
    async def story(it: Broker) -> None:
        await it.engine.create_topic(ME, "t")
        names = ['"', "\\", "a\nb", "a\\nb", "ä 東京 🐳", "a/b", "\x00\x1b", "\u2028"]
        for name in names:
            await it.engine.commit_offsets(ME, name, {TopicPartition("t", 0): 0})
        for form in ("text/plain", "application/openmetrics-text"):
            found = of(await scrape(it, [("accept", form)]), "kafka_consumergroup_members")
            assert {labels[0] for labels in found} == set(names)

    tell(story)


def test_a_group_that_goes_during_a_scrape_is_not_shown() -> None:
    async def story(it: Broker) -> None:
        await fill(it)
        describe = it.engine.describe_group
        await it.engine.commit_offsets(ME, "window", {TopicPartition("orders", 0): 0})

        async def racing(caller: Caller, group: str) -> object:
            if "window" in {known.name for known in await it.engine.list_groups(ME)}:
                await it.engine.delete_group(ME, "window")
            return await describe(caller, group)

        it.engine.describe_group = racing  # type: ignore[assignment, method-assign]
        assert set(of(await scrape(it), "kafka_consumergroup_members")) == {("till",)}

    tell(story)


def test_there_is_one_scrape_at_a_time() -> None:
    async def story(it: Broker) -> None:
        at_work = most = 0
        describe = it.engine.describe_topics

        async def counting(caller: Caller) -> object:
            nonlocal at_work, most
            at_work += 1
            for _ in range(1000):  # another one has the time to come
                most = max(most, at_work)
                await asyncio.sleep(0)
            at_work -= 1
            return await describe(caller)

        it.engine.describe_topics = counting  # type: ignore[assignment, method-assign]
        answers = await asyncio.gather(*(it.get("/metrics") for _ in range(3)))
        assert ([answer.status for answer in answers], most) == ([200] * 3, 1)

    tell(story)


def test_requests_go_on_while_many_partitions_and_groups_are_looked_at() -> None:
    async def story(it: Broker) -> None:
        for number in range(4):
            await it.engine.create_topic(ME, f"t{number}", partitions=1000)
        for number in range(1000):
            await it.engine.commit_offsets(ME, f"g{number}", {TopicPartition("t0", 0): 0})
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        other = asyncio.create_task(others())
        await asyncio.sleep(0)
        snapshot = await take(it.engine, ME, it.bounds, Measures([]))
        other.cancel()
        assert snapshot.log
        assert (len(snapshot.log.topics), len(snapshot.log.groups)) == (4, 1000)
        assert turns > 1000 // 200 + 3

    tell(story, metrics_max_partitions=4000)


def test_no_group_is_described_for_which_there_is_no_room() -> None:
    async def story(it: Broker) -> None:
        await it.engine.create_topic(ME, "t")
        for name in ("a", "b", "c"):
            await it.engine.commit_offsets(ME, name, {TopicPartition("t", 0): 0})
        described = []
        describe = it.engine.describe_group

        async def noting(caller: Caller, group: str) -> GroupDescription:
            described.append(group)
            return await describe(caller, group)

        it.engine.describe_group = noting  # type: ignore[method-assign]
        snapshot = await take(it.engine, ME, it.bounds, Measures([]))
        assert snapshot.log
        assert (described, snapshot.log.group_count) == (["a"], 3)

    tell(story, metrics_max_partitions=1)


def test_groups_are_described_together_but_not_all_at_once() -> None:
    async def story(it: Broker) -> None:
        await it.engine.create_topic(ME, "t")
        for number in range(2 * GROUPS_AT_ONCE):
            await it.engine.commit_offsets(ME, f"g{number}", {TopicPartition("t", 0): 0})
        at_work = most = 0
        describe = it.engine.describe_group

        async def slowly(caller: Caller, group: str) -> GroupDescription:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            await settle()
            at_work -= 1
            return await describe(caller, group)

        it.engine.describe_group = slowly  # type: ignore[method-assign]
        snapshot = await take(it.engine, ME, it.bounds, Measures([]))
        assert snapshot.log
        assert (len(snapshot.log.groups), most) == (2 * GROUPS_AT_ONCE, GROUPS_AT_ONCE)

    tell(story)
