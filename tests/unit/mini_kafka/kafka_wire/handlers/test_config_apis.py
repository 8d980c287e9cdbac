"""DescribeConfigs, AlterConfigs and IncrementalAlterConfigs: what a config is, who set it, and how it changes."""

from typing import Any

import pytest

from mini_kafka.bootstrap import kafka_settings
from mini_kafka.kafka_wire.call import BrokerIdentity, Connection
from mini_kafka.settings import BrokerSettings
from tests.support.kafka import ADVERTISED, KafkaClient, tell_kafka
from tests.support.kafka_topics import configs_of, new

TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
OVERRIDE, BROKER_SETTING, DEFAULT = 1, 4, 5
SET, DELETE, APPEND, SUBTRACT = range(4)


async def describe(client: KafkaClient, kind: int, name: str, version: int = 4, **fields: Any) -> Any:
    keys = fields.pop("keys", None)
    wanted = [{"resource_type": kind, "resource_name": name, "configuration_keys": keys}]
    (result,) = (await client.ask("DescribeConfigs", version, resources=wanted, **fields)).results
    assert (result.resource_type, result.resource_name) == (kind, name)
    return result


async def replace(client: KafkaClient, name: str, kind: int = TOPIC, version: int = 2, **configs: str | None) -> Any:
    entries = [{"name": key.replace("_", "."), "value": value} for key, value in configs.items()]
    wanted = [{"resource_type": kind, "resource_name": name, "configs": entries}]
    (response,) = (await client.ask("AlterConfigs", version, resources=wanted)).responses
    return response


async def change(
    client: KafkaClient, name: str, *changes: tuple[str, int, str | None], kind: int = TOPIC, version: int = 1,
    validate_only: bool = False,
) -> Any:  # fmt: skip
    entries = [{"name": key, "config_operation": operation, "value": value} for key, operation, value in changes]
    wanted = [{"resource_type": kind, "resource_name": name, "configs": entries}]
    answer = await client.ask("IncrementalAlterConfigs", version, resources=wanted, validate_only=validate_only)
    return answer.responses[0]


async def with_topic(client: KafkaClient, **configs: str) -> None:
    wanted = [new("orders", configs={key.replace("_", "."): value for key, value in configs.items()})]
    assert (await client.ask("CreateTopics", topics=wanted)).topics[0].error_code == 0


@pytest.mark.parametrize("version", range(1, 5))
def test_every_config_of_a_topic_is_shown_with_where_its_value_comes_from(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client, retention_ms="5000")
        result = await describe(client, TOPIC, "orders", version, include_synonyms=True)
        assert len(result.configs) == 33  # as Apache Kafka 4.3.1 has
        found = {entry.name: entry for entry in result.configs}
        assert (found["retention.ms"].value, found["retention.ms"].config_source) == ("5000", OVERRIDE)
        assert (found["flush.ms"].value, found["flush.ms"].config_source) == (str(2**63 - 1), DEFAULT)
        # Kafka has no default of log.retention.ms, but one of log.retention.hours, and names neither.
        assert [(s.name, s.value, s.source) for s in found["retention.ms"].synonyms] == [
            ("retention.ms", "5000", OVERRIDE)
        ]
        assert [(s.name, s.value, s.source) for s in found["cleanup.policy"].synonyms] == [
            ("log.cleanup.policy", "delete", DEFAULT)
        ]
        assert [(s.name, s.value, s.source) for s in found["retention.bytes"].synonyms] == [
            ("log.retention.bytes", "-1", DEFAULT)
        ]
        # Under these names Kafka's broker has no default: it counts in hours, or has another one for each topic.
        assert [found[name].synonyms for name in ("flush.ms", "segment.ms", "segment.jitter.ms")] == [()] * 3
        assert found["follower.replication.throttled.replicas"].synonyms == ()
        assert not any(entry.read_only or entry.is_sensitive for entry in result.configs)
        if version >= 3:
            kinds = {"cleanup.policy": 7, "max.message.bytes": 3, "retention.ms": 5, "preallocate": 1}
            assert {name: found[name].config_type for name in kinds} == kinds

    tell_kafka(story)


def test_names_pick_configs_and_an_empty_list_picks_all() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client)
        picked = await describe(client, TOPIC, "orders", keys=["retention.ms", "no.such"])
        assert [entry.name for entry in picked.configs] == ["retention.ms"]
        assert picked.configs[0].synonyms == ()
        assert len((await describe(client, TOPIC, "orders", keys=[])).configs) == 33

    tell_kafka(story)


def test_a_setting_of_the_broker_is_the_source_of_a_topic_s_config() -> None:
    async def story(client: KafkaClient) -> None:
        chosen = BrokerSettings(log_retention_ms=7)
        identity = BrokerIdentity(1, "c", kafka_settings(chosen))
        client.connection = Connection(client.engine, identity, ADVERTISED, "10.0.0.1")
        await with_topic(client)
        (entry,) = (await describe(client, TOPIC, "orders", keys=["retention.ms"], include_synonyms=True)).configs
        assert (entry.value, entry.config_source) == ("7", BROKER_SETTING)
        assert [(s.name, s.value, s.source) for s in entry.synonyms] == [
            ("log.retention.ms", "7", BROKER_SETTING),
            ("log.retention.hours", "168", DEFAULT),
        ]
        (entry,) = (await describe(client, BROKER, "1", keys=["log.retention.ms"])).configs
        assert (entry.value, entry.config_source, entry.read_only) == ("7", BROKER_SETTING, False)

    tell_kafka(story, log_retention_ms=7)


def test_documentation_says_what_a_config_takes_and_which_have_no_effect() -> None:
    async def story(client: KafkaClient) -> None:
        client.connection = Connection(
            client.engine, BrokerIdentity(1, "c", kafka_settings(BrokerSettings())), ADVERTISED, "10.0.0.1"
        )
        await with_topic(client)
        keys = ["message.timestamp.type", "segment.bytes"]
        told, inert = (await describe(client, TOPIC, "orders", keys=keys, include_documentation=True)).configs
        assert told.documentation == "Takes CreateTime or LogAppendTime."
        assert inert.documentation.startswith("Takes an integer from 1048576 to 2147483647. ")
        assert "without effect" in inert.documentation
        keys = ["num.partitions", "num.io.threads"]
        inert, told = (await describe(client, BROKER, "1", keys=keys, include_documentation=True)).configs
        assert "without effect" in inert.documentation
        assert "partitions a new topic gets" in told.documentation
        assert (await describe(client, BROKER, "1", keys=keys)).configs[0].documentation is None

    tell_kafka(story)


def test_a_setting_that_nobody_set_is_shown_as_the_default() -> None:
    async def story(client: KafkaClient) -> None:
        chosen = BrokerSettings(num_partitions=3)
        identity = BrokerIdentity(1, "c", kafka_settings(chosen))
        client.connection = Connection(client.engine, identity, ADVERTISED, "10.0.0.1")
        found = {entry.name: entry for entry in (await describe(client, BROKER, "1")).configs}
        assert {name: (found[name].value, found[name].config_source) for name in (
            "num.partitions", "group.max.size", "log.retention.ms", "log.retention.hours", "node.id",
        )} == {
            "num.partitions": ("3", BROKER_SETTING), "group.max.size": ("1000", DEFAULT),
            "log.retention.ms": (None, DEFAULT), "log.retention.hours": ("168", DEFAULT),
            "node.id": ("1", BROKER_SETTING),
        }  # fmt: skip

    tell_kafka(story)


@pytest.mark.parametrize(("log_retention_ms", "hours"), [(7_200_000, "2"), (-1, "-1")])
def test_a_setting_with_several_names_is_shown_under_each_in_its_unit(log_retention_ms: int, hours: str) -> None:
    async def story(client: KafkaClient) -> None:
        chosen = kafka_settings(BrokerSettings(log_retention_ms=log_retention_ms))
        client.connection = Connection(client.engine, BrokerIdentity(1, "c", chosen), ADVERTISED, "10.0.0.1")
        keys = ["log.retention.hours", "log.retention.ms"]
        found = (await describe(client, BROKER, "1", keys=keys)).configs
        assert [(entry.value, entry.config_source) for entry in found] == [
            (hours, BROKER_SETTING),
            (str(log_retention_ms), BROKER_SETTING),
        ]

    tell_kafka(story)


def test_a_broker_of_which_nothing_is_to_be_changed_is_not_refused() -> None:
    async def story(client: KafkaClient) -> None:
        assert (await change(client, "1", kind=BROKER)).error_code == 0
        assert (await change(client, "9", kind=BROKER)).error_code.name == "invalid_request"

    tell_kafka(story)


# As Apache Kafka 4.3.1 answers to the same values.
@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("segment.ms", " 7 ", "none"),
        ("preallocate", " TRUE ", "none"),
        ("preallocate", "yes", "invalid_config"),
        ("compression.gzip.level", "0", "invalid_config"),
        ("compression.gzip.level", "-1", "none"),
        ("compression.gzip.level", "10", "invalid_config"),
        ("leader.replication.throttled.replicas", "*", "none"),
        ("leader.replication.throttled.replicas", "0:1,1:1", "none"),
        ("leader.replication.throttled.replicas", "", "none"),
        ("leader.replication.throttled.replicas", "none", "invalid_config"),
        ("message.timestamp.type", " LogAppendTime ", "none"),
    ],
)
def test_values_are_taken_and_refused_as_kafka_does(name: str, value: str, code: str) -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client)
        answer = await change(client, "orders", (name, SET, value))
        assert answer.error_code.name == code
        if code == "none":
            assert (await configs_of(client, "orders"))[name] == value.strip()

    tell_kafka(story)


def test_every_config_of_kafkas_broker_is_shown_and_secrets_are_not() -> None:
    async def story(client: KafkaClient) -> None:
        result = await describe(client, BROKER, "1")
        assert len(result.configs) == 340  # as Apache Kafka 4.3.1 has
        assert all(entry.value is None for entry in result.configs if entry.is_sensitive)
        assert (await describe(client, BROKER, "")).configs == ()

    tell_kafka(story)


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        (TOPIC, "none", "unknown_topic_or_partition"),
        (TOPIC, "bad name", "invalid_topic_exception"),
        (TOPIC, "", "invalid_topic_exception"),
        (BROKER, "9", "invalid_request"),
        (BROKER, "x", "invalid_request"),
        (LOGGER, "1", "invalid_request"),
        (99, "x", "invalid_request"),
        (GROUP, "g", "none"),
        (METRICS, "m", "none"),
    ],
)
def test_a_resource_that_is_none_is_refused(kind: int, name: str, code: str) -> None:
    async def story(client: KafkaClient) -> None:
        result = await describe(client, kind, name)
        assert (result.error_code.name, result.configs) == (code, ())

    tell_kafka(story)


@pytest.mark.parametrize("version", range(3))
def test_alter_configs_replaces_all_that_were_set(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client, retention_ms="5", segment_bytes="2000000")
        before = await configs_of(client, "orders")
        response = await replace(client, "orders", version=version, retention_bytes="9")
        assert (response.error_code, response.resource_name) == (0, "orders")
        defaults = {"retention.ms": "604800000", "segment.bytes": "1073741824"}
        assert await configs_of(client, "orders") == before | defaults | {"retention.bytes": "9"}

    tell_kafka(story)


@pytest.mark.parametrize("version", [0, 1])
def test_single_configs_are_set_deleted_appended_to_and_subtracted_from(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client, retention_ms="5", segment_bytes="2000000")
        before = await configs_of(client, "orders")
        changes = (("retention.ms", SET, "7"), ("segment.bytes", DELETE, None), ("cleanup.policy", APPEND, "compact"))
        assert (await change(client, "orders", *changes, version=version)).error_code == 0
        changed = {"retention.ms": "7", "segment.bytes": "1073741824", "cleanup.policy": "delete,compact"}
        assert await configs_of(client, "orders") == before | changed
        assert (await change(client, "orders", ("cleanup.policy", SUBTRACT, "delete"))).error_code == 0
        assert (await change(client, "orders", ("retention.ms", DELETE, None))).error_code == 0
        after = await describe(client, TOPIC, "orders", keys=["cleanup.policy", "retention.ms"])
        assert [(entry.value, entry.config_source) for entry in after.configs] == [
            ("compact", OVERRIDE),
            ("604800000", DEFAULT),
        ]

    tell_kafka(story)


# The codes are Apache Kafka 4.3.1's answers, but for the unknown operation, which it answers as a bug of its own.
@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("orders", [("retention.ms", SET, "x")], "invalid_config"),
        ("orders", [("no.such", SET, "1")], "invalid_config"),
        ("orders", [("retention.ms", APPEND, "1")], "invalid_config"),
        ("orders", [("preallocate", APPEND, "true")], "invalid_config"),
        ("orders", [("retention.ms", SET, None)], "invalid_request"),
        ("orders", [("retention.ms", SET, "1"), ("retention.ms", SET, "2")], "invalid_request"),
        ("orders", [("retention.ms", 9, "1")], "invalid_request"),
        ("none", [("retention.ms", SET, "1")], "unknown_topic_or_partition"),
        ("bad name", [("retention.ms", SET, "1")], "invalid_topic_exception"),
        ("", [("retention.ms", SET, "1")], "invalid_request"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(name: str, changes: list[Any], code: str) -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client)
        before = await configs_of(client, "orders")
        refused = await change(client, name, ("retention.bytes", SET, "77"), *changes)
        assert refused.error_code.name == code
        assert refused.error_message
        assert await configs_of(client, "orders") == before

    tell_kafka(story)


def test_a_name_that_is_not_known_can_be_deleted() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client)
        assert (await change(client, "orders", ("no.such", DELETE, None))).error_code == 0

    tell_kafka(story)


@pytest.mark.parametrize(("kind", "name"), [(BROKER, "9"), (LOGGER, "1"), (99, "x")])
def test_only_topics_and_this_broker_can_be_changed(kind: int, name: str) -> None:
    async def story(client: KafkaClient) -> None:
        assert (await change(client, name, ("x", SET, "1"), kind=kind)).error_code.name == "invalid_request"
        assert (await replace(client, name, kind, x="1")).error_code.name == "invalid_request"

    tell_kafka(story)


def test_validate_only_changes_nothing() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client)
        before = await configs_of(client, "orders")
        good = await change(client, "orders", ("retention.ms", SET, "7"), validate_only=True)
        bad = await change(client, "orders", ("retention.ms", SET, "x"), validate_only=True)
        assert (good.error_code.name, bad.error_code.name) == ("none", "invalid_config")
        assert await configs_of(client, "orders") == before

    tell_kafka(story)


def test_a_resource_that_is_there_twice_is_refused_both_times() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client)
        entry = {"name": "retention.ms", "value": "1"}
        wanted = [{"resource_type": TOPIC, "resource_name": "orders", "configs": [entry]}] * 2
        answer = await client.ask("AlterConfigs", resources=wanted)
        assert [response.error_code.name for response in answer.responses] == ["invalid_request"] * 2

    tell_kafka(story)


def test_the_last_cleanup_policy_can_be_taken_away_and_another_given() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client)
        assert (await change(client, "orders", ("cleanup.policy", SUBTRACT, "delete"))).error_code == 0
        assert (await configs_of(client, "orders"))["cleanup.policy"] == ""
        assert (await change(client, "orders", ("cleanup.policy", APPEND, "compact"))).error_code == 0
        assert (await configs_of(client, "orders"))["cleanup.policy"] == "compact"

    tell_kafka(story)


def test_compression_by_the_broker_is_refused_and_the_sentence_says_who_can_compress() -> None:
    async def story(client: KafkaClient) -> None:
        await with_topic(client)
        refused = await change(client, "orders", ("compression.type", SET, "gzip"))
        assert refused.error_code.name == "invalid_config"
        assert refused.error_message == (
            "compression.type cannot be 'gzip': it takes producer: batches stay as they came, so let the producer "
            "compress them"
        )

    tell_kafka(story)
