"""Apache Kafka's command-line tools do their work here: each rule is read from what they print, or over HTTP.

The broker is reached by a name in a network of containers, and tells its clients the address that they came to.
"""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from mini_kafka.kafka_wire.registry import APIS
from tests.compat.jvm_tools import JvmTools, rows, running_jvm_tools

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def tools() -> Iterator[JvmTools]:
    """Start one broker and one container of tools for all tests."""
    with running_jvm_tools() as tools:
        yield tools


@pytest.fixture
def topic() -> str:
    """Name a topic that no other test has."""
    return f"topic-{uuid4().hex[:8]}"


@pytest.fixture
def group() -> str:
    """Name a group that no other test has."""
    return f"group-{uuid4().hex[:8]}"


def test_topics_are_created_described_grown_listed_and_deleted(tools: JvmTools, topic: str) -> None:
    created = tools("kafka-topics", "--create", "--topic", topic, "--partitions", "2", "--config", "retention.ms=60000")
    assert f"Created topic {topic}." in created
    assert f"topic '{topic}' exists already" in tools.refusal("kafka-topics", "--create", "--topic", topic)
    tools("kafka-topics", "--alter", "--topic", topic, "--partitions", "3")
    described = tools("kafka-topics", "--describe", "--topic", topic)
    assert "PartitionCount: 3\tReplicationFactor: 1\tConfigs: retention.ms=60000" in described
    assert described.count("Leader: 1\tReplicas: 1\tIsr: 1") == 3
    assert "their number only grows" in tools.refusal("kafka-topics", "--alter", "--topic", topic, "--partitions", "2")
    assert len(tools.ask(f"/v1/topics/{topic}")["partitions"]) == 3
    assert topic in tools("kafka-topics", "--list").split()
    tools("kafka-topics", "--delete", "--topic", topic)
    assert topic not in tools("kafka-topics", "--list").split()
    assert "does not exist as expected" in tools.refusal("kafka-topics", "--delete", "--topic", topic)


def test_a_topics_configs_are_changed_shown_and_checked(tools: JvmTools, topic: str) -> None:
    of_topic = ("--entity-type", "topics", "--entity-name", topic)
    tools("kafka-topics", "--create", "--topic", topic)
    tools("kafka-configs", "--alter", *of_topic, "--add-config", "retention.ms=5000,max.message.bytes=2000")
    assert tools.ask(f"/v1/topics/{topic}")["configs"]["retention.ms"] == "5000"
    tools("kafka-configs", "--alter", *of_topic, "--delete-config", "retention.ms")
    described = tools("kafka-configs", "--describe", *of_topic)
    assert "max.message.bytes=2000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:max.message.bytes=2000," in described
    assert "retention.ms" not in described
    everything = tools("kafka-configs", "--describe", "--all", *of_topic)
    assert "  retention.ms=604800000 sensitive=false synonyms={}\n" in everything
    assert (
        "  segment.bytes=1073741824 sensitive=false synonyms={DEFAULT_CONFIG:log.segment.bytes=1073741824}\n"
        in everything
    )
    refused = tools.refusal("kafka-configs", "--alter", *of_topic, "--add-config", "nonsense=1")
    assert "InvalidConfigurationException: unknown topic config 'nonsense'" in refused


def test_a_brokers_configs_are_shown_and_change_as_defaults_of_topics(tools: JvmTools, topic: str) -> None:
    of_broker = ("--entity-type", "brokers", "--entity-name", "1")
    of_all = ("--entity-type", "brokers", "--entity-default")
    described = tools("kafka-configs", "--describe", "--all", *of_broker)
    assert "  num.partitions=1 " in described
    assert "  group.initial.rebalance.delay.ms=0 " in described
    tools("kafka-topics", "--create", "--topic", topic)
    tools("kafka-configs", "--alter", *of_all, "--add-config", "message.max.bytes=2000,log.cleanup.policy=compact")
    tools("kafka-configs", "--alter", *of_broker, "--add-config", "message.max.bytes=3000")
    configs = tools.ask(f"/v1/topics/{topic}")["configs"]
    assert (configs["max.message.bytes"], configs["cleanup.policy"]) == ("3000", "compact")
    assert (
        "  message.max.bytes=3000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:message.max.bytes=3000, "
        "DYNAMIC_DEFAULT_BROKER_CONFIG:message.max.bytes=2000, DEFAULT_CONFIG:message.max.bytes=1048588}\n"
    ) in tools("kafka-configs", "--describe", *of_broker)
    assert "  log.cleanup.policy=compact " in tools("kafka-configs", "--describe", *of_all)
    tools("kafka-configs", "--alter", *of_broker, "--delete-config", "message.max.bytes")
    tools("kafka-configs", "--alter", *of_all, "--delete-config", "message.max.bytes,log.cleanup.policy")
    configs = tools.ask(f"/v1/topics/{topic}")["configs"]
    assert (configs["max.message.bytes"], configs["cleanup.policy"]) == ("1048588", "delete")
    refused = tools.refusal("kafka-configs", "--alter", *of_broker, "--add-config", "num.partitions=2")
    assert "num.partitions does not change while the broker runs" in refused


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_the_console_producer_takes_is_read_over_http(tools: JvmTools, topic: str, codec: str) -> None:
    as_pairs = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
    tools("kafka-console-producer", "--topic", topic, "--compression-codec", codec, *as_pairs, stdin="k:one\nk:two\n")
    records = tools.ask(f"/v1/topics/{topic}/records?from=earliest")["records"]
    assert [(record["key"], record["value"]) for record in records] == [("k", "one"), ("k", "two")]


def test_the_console_consumer_prints_what_came_over_http(tools: JvmTools, topic: str) -> None:
    tools.produce(topic, *({"key": f"k{n}", "value": f"v{n}", "timestamp": n, "headers": {"h": "1"}} for n in range(3)))
    show = [f"print.{what}=true" for what in ("timestamp", "partition", "offset", "headers", "key")]
    printed = tools(
        "kafka-console-consumer", "--topic", topic, "--from-beginning", "--max-messages", "3",
        *(part for one in show for part in ("--formatter-property", one)),
    )  # fmt: skip
    lines = [f"CreateTime:{n}\tPartition:0\tOffset:{n}\th:1\tk{n}\tv{n}" for n in range(3)]
    assert printed.splitlines()[-3:] == lines
    from_one = tools(
        "kafka-console-consumer", "--topic", topic, "--partition", "0", "--offset", "1", "--max-messages", "2"
    )
    assert from_one.splitlines()[-2:] == ["v1", "v2"]


def test_an_active_group_is_shown_and_neither_moved_nor_deleted(tools: JvmTools, topic: str, group: str) -> None:
    tools.produce(topic, {"value": "one"})
    consumer = tools.start(
        "kafka-console-consumer", "--topic", topic, "--group", group, "--from-beginning", "--max-messages", "2"
    )
    with consumer:
        consumer.line("^one$", seconds=60)
        of_group = ("--group", group)
        (state,) = rows(tools("kafka-consumer-groups", "--describe", *of_group, "--state"))
        # The coordinator's column holds a space: (ID).
        assert "Stable" in state.values()
        (member,) = rows(tools("kafka-consumer-groups", "--describe", *of_group, "--members", "--verbose"))
        assert member["CONSUMER-ID"].startswith("console-consumer-")
        assert member["CURRENT-ASSIGNMENT"] == f"{topic}:0"
        (offset,) = rows(tools("kafka-consumer-groups", "--describe", *of_group))
        assert (offset["TOPIC"], offset["LOG-END-OFFSET"]) == (topic, "1")
        assert [group, "Stable"] in [
            line.split() for line in tools("kafka-consumer-groups", "--list", "--state").splitlines()
        ]
        assert [group, "Classic", "consumer"] in [
            line.split() for line in tools("kafka-groups", "--list", "--consumer").splitlines()
        ]
        to_earliest = ("--reset-offsets", *of_group, "--topic", topic, "--to-earliest", "--execute")
        assert "can only be reset if the group" in tools.refusal("kafka-consumer-groups", *to_earliest)
        assert "GroupNotEmptyException" in tools.refusal("kafka-consumer-groups", "--delete", *of_group)
        deleted = tools.refusal("kafka-consumer-groups", "--delete-offsets", *of_group, "--topic", topic)
        assert "GroupSubscribedToTopicException" in deleted
        tools.produce(topic, {"value": "two"})
        assert consumer.end() == 0
        consumer.line("^two$")
    assert tools.ask(f"/v1/groups/{group}")["partitions"][0]["committed_offset"] == 2


def test_a_groups_offsets_are_shown_moved_and_deleted_and_so_is_the_group(
    tools: JvmTools, topic: str, group: str
) -> None:
    tools.produce(topic, *({"value": str(n), "timestamp": 1_000_000_000_000 + n * 1000} for n in range(5)))

    def reset(*how: str) -> str:
        (row,) = rows(tools("kafka-consumer-groups", "--reset-offsets", "--group", group, "--topic", topic, *how))
        return row["NEW-OFFSET"]

    def committed() -> int:
        return int(tools.ask(f"/v1/groups/{group}")["partitions"][0]["committed_offset"])

    assert reset("--to-latest", "--execute") == "5"
    assert committed() == 5
    assert reset("--shift-by", "-2", "--dry-run") == "3"
    assert committed() == 5
    assert reset("--to-datetime", "2001-09-09T01:46:41.000", "--execute") == "1"
    assert committed() == 1
    (described,) = rows(tools("kafka-consumer-groups", "--describe", "--group", group))
    assert (described["CURRENT-OFFSET"], described["LOG-END-OFFSET"], described["LAG"]) == ("1", "5", "4")
    deleted = tools("kafka-consumer-groups", "--delete-offsets", "--group", group, "--topic", topic)
    assert rows(deleted) == [{"TOPIC": topic, "PARTITION": "0", "STATUS": "Successful"}]
    assert reset("--to-earliest", "--execute") == "0"
    assert "was successful" in tools("kafka-consumer-groups", "--delete", "--group", group)
    assert group not in tools("kafka-consumer-groups", "--list").split()
    assert "GroupIdNotFoundException" in tools.refusal("kafka-consumer-groups", "--describe", "--group", group)


def test_offsets_are_found_by_time_and_records_deleted_up_to_one(tools: JvmTools, topic: str) -> None:
    tools.produce(topic, *({"value": str(n), "timestamp": time} for n, time in enumerate([1000, 3000, 2000])))

    def offset(*time: str) -> str:
        return tools("kafka-get-offsets", "--topic", topic, *time).strip()

    assert offset() == f"{topic}:0:3"
    assert offset("--time", "earliest") == f"{topic}:0:0"
    assert offset("--time", "max-timestamp") == f"{topic}:0:1"
    assert offset("--time", "1500") == f"{topic}:0:1"
    assert offset("--time", "4000") == ""
    request = {"partitions": [{"topic": topic, "partition": 0, "offset": 2}], "version": 1}
    tools.write("/tmp/delete.json", json.dumps(request))
    deleted = tools("kafka-delete-records", "--offset-json-file", "/tmp/delete.json")
    assert f"partition: {topic}-0\tlow_watermark: 2" in deleted
    assert offset("--time", "earliest") == f"{topic}:0:2"
    assert tools.values(topic) == ["2"]


def test_the_tools_use_the_versions_of_the_registry(tools: JvmTools) -> None:
    printed = tools("kafka-broker-api-versions")
    for api in APIS.values():
        versions = f"{api.lowest}" if api.lowest == api.highest else f"{api.lowest} to {api.highest}"
        assert f"\t{api.name}({api.key}): {versions} [usable: {api.highest}]" in printed


def test_the_cluster_has_one_broker_at_the_address_that_was_used(tools: JvmTools) -> None:
    assert tools("kafka-cluster", "cluster-id").startswith("Cluster ID: M")
    (broker,) = rows(tools("kafka-cluster", "list-endpoints"))
    assert (broker["ID"], broker["HOST"], broker["PORT"], broker["STATE"]) == ("1", tools.broker_ip, "9092", "unfenced")


def test_the_log_directory_tells_what_a_partition_holds(tools: JvmTools, topic: str) -> None:
    tools.produce(topic, {"value": "x" * 1000})
    printed = tools("kafka-log-dirs", "--describe", "--topic-list", topic).splitlines()[-1]
    (directory,) = json.loads(printed)["brokers"][0]["logDirs"]
    (partition,) = directory["partitions"]
    assert partition["partition"] == f"{topic}-0"
    assert 1000 < partition["size"] < 1200


def test_what_the_verifiable_producer_had_acknowledged_the_verifiable_consumer_commits(
    tools: JvmTools, topic: str, group: str
) -> None:
    sent = [
        json.loads(line)
        for line in tools("kafka-verifiable-producer", "--topic", topic, "--max-messages", "50").splitlines()
    ]
    assert [it["offset"] for it in sent if it["name"] == "producer_send_success"] == list(range(50))
    assert tools.values(topic) == [str(n) for n in range(50)]
    got = [
        json.loads(line)
        for line in tools(
            "kafka-verifiable-consumer", "--topic", topic, "--group-id", group, "--max-messages", "50"
        ).splitlines()
    ]
    assert sum(it["count"] for it in got if it["name"] == "records_consumed") == 50
    assert tools.ask(f"/v1/groups/{group}")["partitions"][0]["committed_offset"] == 50


def test_the_performance_tools_send_and_get_every_record(tools: JvmTools, topic: str) -> None:
    size = ("--record-size", "100")
    sent = tools("kafka-producer-perf-test", "--topic", topic, "--num-records", "3000", *size, "--throughput", "-1")
    assert "3000 records sent" in sent
    got = tools("kafka-consumer-perf-test", "--topic", topic, "--num-records", "3000").splitlines()[-1]
    assert got.split(", ")[4] == "3000"
    latency = tools(
        "kafka-e2e-latency", "--topic", f"{topic}-e2e", "--num-records", "50", "--producer-acks", "all", *size
    )
    assert "Percentiles: 50th = " in latency
    assert len(tools.values(f"{topic}-e2e")) == 50


def test_the_only_feature_is_the_release_of_the_cluster(tools: JvmTools) -> None:
    (feature,) = tools("kafka-features", "describe").splitlines()
    assert feature.startswith("Feature: metadata.version ")
    assert "FinalizedVersionLevel: 4.3-IV0" in feature


def test_what_is_not_there_is_said_at_once(tools: JvmTools, topic: str) -> None:
    tools.produce(topic, {"value": "one"})
    assert "does not support LIST_TRANSACTIONS" in tools.refusal("kafka-transactions", "list")
    new_protocol = ("--command-property", "group.protocol=consumer")
    refused = tools.refusal("kafka-console-consumer", "--topic", topic, "--max-messages", "1", *new_protocol)
    assert "UnsupportedVersionException" in refused
