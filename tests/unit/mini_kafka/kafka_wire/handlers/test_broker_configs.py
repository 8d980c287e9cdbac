"""Changes of the broker's configs while it runs (KIP-226): the defaults of all topics, here or for every broker."""

from typing import Any

import pytest

from mini_kafka.bootstrap import kafka_settings
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import EARLIEST
from mini_kafka.kafka_wire.call import BrokerIdentity, Connection
from mini_kafka.settings import BrokerSettings
from tests.support.clock import ManualClock
from tests.support.kafka import ADVERTISED, KafkaClient, tell_kafka
from tests.support.kafka_topics import configs_of, new

TOPIC, BROKER = 2, 4
OVERRIDE, THIS_BROKER, EVERY_BROKER, BROKER_SETTING, DEFAULT = range(1, 6)
SET, DELETE, APPEND, SUBTRACT = range(4)


async def change(client: KafkaClient, broker: str, *changes: tuple[str, int, str | None], check: bool = False) -> Any:
    entries = [{"name": name, "config_operation": operation, "value": value} for name, operation, value in changes]
    wanted = [{"resource_type": BROKER, "resource_name": broker, "configs": entries}]
    return (await client.ask("IncrementalAlterConfigs", resources=wanted, validate_only=check)).responses[0]


async def set_all(client: KafkaClient, broker: str, **configs: str) -> None:
    changes = [(name.replace("_", "."), SET, value) for name, value in configs.items()]
    response = await change(client, broker, *changes)
    assert response.error_code == 0, response


async def replace(client: KafkaClient, broker: str, *, check: bool = False, **configs: str) -> Any:
    entries = [{"name": name.replace("_", "."), "value": value} for name, value in configs.items()]
    wanted = [{"resource_type": BROKER, "resource_name": broker, "configs": entries}]
    return (await client.ask("AlterConfigs", resources=wanted, validate_only=check)).responses[0]


async def described(client: KafkaClient, kind: int, name: str, *keys: str) -> dict[str, Any]:
    wanted = [{"resource_type": kind, "resource_name": name, "configuration_keys": list(keys) or None}]
    (result,) = (await client.ask("DescribeConfigs", resources=wanted, include_synonyms=True)).results
    assert result.error_code == 0, result
    return {entry.name: entry for entry in result.configs}


def sources(entry: Any) -> list[tuple[str, str, int]]:
    return [(synonym.name, synonym.value, synonym.source) for synonym in entry.synonyms]


async def with_topic(client: KafkaClient, name: str = "orders", **configs: str) -> None:
    wanted = [new(name, configs={key.replace("_", "."): value for key, value in configs.items()})]
    assert (await client.ask("CreateTopics", topics=wanted)).topics[0].error_code == 0


def as_started_with(client: KafkaClient, **settings: Any) -> None:
    identity = BrokerIdentity(1, "c", kafka_settings(BrokerSettings(**settings)))
    client.connection = Connection(client.engine, identity, ADVERTISED, "10.0.0.1")


def test_topics_old_and_new_have_the_new_default_unless_they_have_their_own() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client, "old")
        await with_topic(client, "own", retention_ms="5")
        await set_all(client, "1", log_retention_ms="7000", message_max_bytes="2000")
        await with_topic(client, "new")
        for name, retention in (("old", "7000"), ("own", "5"), ("new", "7000")):
            configs = await configs_of(client, name)
            assert (configs["retention.ms"], configs["max.message.bytes"]) == (retention, "2000")
        assert (await change(client, "1", ("log.retention.ms", DELETE, None))).error_code == 0
        retentions = [(await configs_of(client, name))["retention.ms"] for name in ("old", "own", "new")]
        assert retentions == ["604800000", "5", "604800000"]

    tell_kafka(story)


def test_a_shorter_retention_of_the_broker_drops_records_that_are_there() -> None:
    clock = ManualClock()

    async def story(client: KafkaClient) -> None:
        engine, caller = client.engine, client.caller
        await with_topic(client)
        await engine.produce(caller, "orders", [NewRecord(b"old")])
        clock.advance(10_000)
        await engine.produce(caller, "orders", [NewRecord(b"young")])
        await set_all(client, "", log_retention_ms="9000")
        clock.advance(1)
        assert await engine.offsets_at(caller, "orders", EARLIEST) == [1]

    tell_kafka(story, clock)


def test_sources_name_this_broker_every_broker_the_setting_and_the_default() -> None:
    async def story(client: KafkaClient) -> None:
        as_started_with(client, log_retention_ms=7)
        await with_topic(client, retention_ms="1")
        await set_all(client, "", log_retention_ms="8", log_cleanup_policy="compact")
        await set_all(client, "1", log_retention_ms="9")
        below = [
            ("log.retention.ms", "9", THIS_BROKER), ("log.retention.ms", "8", EVERY_BROKER),
            ("log.retention.ms", "7", BROKER_SETTING), ("log.retention.hours", "168", DEFAULT),
        ]  # fmt: skip
        broker = (await described(client, BROKER, "1"))["log.retention.ms"]
        assert (broker.value, broker.config_source, broker.read_only, sources(broker)) == ("9", 2, False, below)
        topic = await described(client, TOPIC, "orders")
        assert sources(topic["retention.ms"]) == [("retention.ms", "1", OVERRIDE), *below]
        assert (topic["cleanup.policy"].value, topic["cleanup.policy"].config_source) == ("compact", EVERY_BROKER)
        every = await described(client, BROKER, "")
        assert {name: sources(entry) for name, entry in every.items()} == {
            "log.retention.ms": [("log.retention.ms", "8", EVERY_BROKER)],
            "log.cleanup.policy": [("log.cleanup.policy", "compact", EVERY_BROKER)],
        }

    tell_kafka(story, log_retention_ms=7)


def test_lists_are_appended_to_and_subtracted_from_the_value_at_the_start() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client)
        found = []
        for operation, policy in ((APPEND, "compact"), (SUBTRACT, "delete"), (SUBTRACT, "compact"), (DELETE, None)):
            assert (await change(client, "1", ("log.cleanup.policy", operation, policy))).error_code == 0
            found.append((await configs_of(client, "orders"))["cleanup.policy"])
        assert found == ["delete,compact", "compact", "", "delete"]

    tell_kafka(story)


def test_a_default_that_contradicts_a_topic_keeps_nobody_from_changing_the_topic() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client, "there", min_compaction_lag_ms="5000")
        await set_all(client, "1", log_cleaner_max_compaction_lag_ms="1000")
        await with_topic(client, "new", min_compaction_lag_ms="5000")
        for name in ("there", "new"):
            grown = await client.ask("CreatePartitions", topics=[{"name": name, "count": 2, "assignments": None}])
            assert grown.results[0].error_code == 0
            own = {"config_operation": SET, "name": "retention.ms", "value": "7"}
            wanted = [{"resource_type": TOPIC, "resource_name": name, "configs": [own]}]
            assert (await client.ask("IncrementalAlterConfigs", resources=wanted)).responses[0].error_code == 0
            await client.engine.put_topic(client.caller, name)
            await client.engine.alter_topic(client.caller, name, configs={"retention.bytes": "9"})
            configs = await configs_of(client, name)
            lags = [configs[f"{bound}.compaction.lag.ms"] for bound in ("min", "max")]
            assert (lags, configs["retention.ms"], configs["retention.bytes"]) == (["5000", "1000"], "7", "9")

    tell_kafka(story)


def test_alter_configs_replaces_what_was_changed_in_its_scope_alone() -> None:
    async def story(client: KafkaClient) -> None:
        await set_all(client, "", log_retention_bytes="5")
        await set_all(client, "1", log_retention_ms="6", message_max_bytes="7")
        assert (await replace(client, "1", check=True, log_retention_ms="9")).error_code == 0
        assert (await replace(client, "1", log_retention_ms="8")).error_code == 0
        found = await described(client, BROKER, "1")
        assert {name: entry.value for name, entry in found.items() if entry.config_source in {2, 3}} == {
            "log.retention.ms": "8", "log.retention.bytes": "5",
        }  # fmt: skip

    tell_kafka(story)


@pytest.mark.parametrize("broker", ["1", ""])
@pytest.mark.parametrize(
    ("name", "operation", "value", "sentence"),
    [
        ("num.partitions", SET, "3", "num.partitions does not change while the broker runs: start it with --config"),
        ("log.cleaner.threads", SET, "2", "'log.cleaner.threads' has no effect here: those that can be changed are "),
        ("retention.ms", SET, "2", "'retention.ms' is no config of a broker: those that can be changed are "),
        ("log.retention.ms", SET, "x", "as the default of all topics, retention.ms cannot be 'x': it takes an integer"),
        ("compression.type", SET, "gzip", "as the default of all topics, compression.type cannot be 'gzip': it takes"),
        ("log.retention.ms", APPEND, "2", "as the default of all topics, retention.ms is no list"),
        ("log.retention.ms", SET, None, "log.retention.ms has no value"),
        ("log.retention.ms", 9, "2", "log.retention.ms has operation 9: 0 to 3 exist"),
    ],
)
def test_a_change_of_the_broker_that_cannot_be_changes_nothing(
    broker: str, name: str, operation: int, value: str | None, sentence: str
) -> None:
    async def story(client: KafkaClient) -> None:
        as_started_with(client)
        refused = await change(client, broker, ("log.retention.bytes", SET, "7"), (name, operation, value))
        assert refused.error_code.name == "invalid_request"
        assert refused.error_message.startswith(sentence)
        assert not any(client.engine.topic_admin.changed_defaults.values())

    tell_kafka(story)


@pytest.mark.parametrize("name", ["num.partitions", "no.such", "log.retention.ms"])
def test_what_was_never_changed_can_be_deleted(name: str) -> None:
    async def story(client: KafkaClient) -> None:
        assert (await change(client, "1", (name, DELETE, None))).error_code == 0

    tell_kafka(story)


def test_a_change_that_is_only_checked_changes_nothing() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client)
        before = await configs_of(client, "orders")
        assert (await change(client, "", ("log.retention.ms", SET, "7"), check=True)).error_code == 0
        assert await configs_of(client, "orders") == before
        assert await described(client, BROKER, "") == {}

    tell_kafka(story)
