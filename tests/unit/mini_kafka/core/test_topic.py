"""Topics: which names there can be, and what belongs to one.

The answers for names and collisions are those of org.apache.kafka.common.internals.Topic of kafka-clients 4.3.1
(`isValid`, `hasCollision`).
"""

from uuid import UUID, uuid4

import pytest

from mini_kafka.core.errors import InvalidPartitions, InvalidTopic, TopicExists, UnknownPartition, UnknownTopic
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.topic import Topic, Topics
from mini_kafka.core.topic_config import TopicConfig
from tests.support.batches import new_batch


@pytest.fixture
def topics() -> Topics:
    return Topics(MemoryBudget(2**40))


def create(topics: Topics, name: str, partitions: int = 1) -> Topic:
    return topics.create(name, uuid4(), TopicConfig(), partitions)


@pytest.mark.parametrize("name", ["a", "A9", "a.b", "a_b", "a-b", "...", "__consumer_offsets", "x" * 249])
def test_a_name_that_kafka_allows_is_allowed(topics: Topics, name: str) -> None:
    assert create(topics, name).name == name
    assert topics.get(name).name == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a b", "a/b", "ä", "a\n", "\na", "a\x00", "a,b", "a:b", "٣", "x" * 250], ids=repr
)
def test_a_name_that_kafka_refuses_is_refused_with_the_rule(topics: Topics, name: str) -> None:
    with pytest.raises(InvalidTopic, match=r"use 1 to 249 letters, digits, '\.', '_' or '-', and neither"):
        create(topics, name)
    assert len(topics) == 0


def test_an_endless_name_does_not_make_an_endless_message(topics: Topics) -> None:
    with pytest.raises(InvalidTopic) as refusal:
        create(topics, "x" * 100_000)
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize(("first", "second"), [("a.b", "a_b"), ("a_b", "a.b"), ("a.b.c", "a_b.c"), ("..a", "._a")])
def test_names_that_differ_only_in_dot_and_underscore_collide(topics: Topics, first: str, second: str) -> None:
    create(topics, first)
    with pytest.raises(InvalidTopic, match=f"{second!r} collides with topic {first!r}"):
        create(topics, second)
    assert [topic.name for topic in topics] == [first]


@pytest.mark.parametrize(("first", "second"), [("ab", "a_b"), ("a-b", "a_b"), ("a.b", "a__b"), ("A.b", "a_b")])
def test_other_names_do_not_collide(topics: Topics, first: str, second: str) -> None:
    create(topics, first)
    create(topics, second)
    assert len(topics) == 2


def test_a_deleted_topic_leaves_its_name_and_those_that_collide_with_it(topics: Topics) -> None:
    create(topics, "a.b")
    topics.delete("a.b")
    create(topics, "a_b")
    topics.delete("a_b")
    create(topics, "a.b")


def test_a_topic_exists_only_once(topics: Topics) -> None:
    first = create(topics, "orders")
    with pytest.raises(TopicExists, match="'orders' exists already"):
        create(topics, "orders", partitions=3)
    assert topics.get("orders") is first


def test_an_unknown_topic_is_none_or_a_refusal(topics: Topics) -> None:
    assert topics.find("orders") is None
    for call in (topics.get, topics.delete):
        with pytest.raises(UnknownTopic, match="topic 'orders' does not exist"):
            call("orders")


def test_a_topic_keeps_the_id_and_the_configs_that_it_was_given(topics: Topics) -> None:
    topic_id, config = UUID(int=7), TopicConfig(retention_ms=5)
    topic = topics.create("orders", topic_id, config, 1)
    assert (topic.topic_id, topic.config) == (topic_id, config)


def test_partitions_are_numbered_from_zero(topics: Topics) -> None:
    topic = create(topics, "orders", partitions=3)
    assert topic.partitions == [TopicPartition("orders", number) for number in range(3)]
    assert len({id(topic.log(number)) for number in range(3)}) == 3


@pytest.mark.parametrize("partition", [-1, 3])
def test_a_partition_that_is_not_there_is_refused_with_those_that_are(topics: Topics, partition: int) -> None:
    topic = create(topics, "orders", partitions=3)
    with pytest.raises(UnknownPartition, match=f"'orders' has no partition {partition}: it has 0 to 2"):
        topic.log(partition)


@pytest.mark.parametrize("partitions", [0, -1])
def test_a_topic_has_at_least_one_partition(topics: Topics, partitions: int) -> None:
    with pytest.raises(InvalidPartitions, match=f"cannot have {partitions}"):
        create(topics, "orders", partitions)
    assert topics.find("orders") is None
    create(topics, "orders")


def test_partitions_are_only_added(topics: Topics) -> None:
    topic = create(topics, "orders", partitions=2)
    log = topic.log(1)
    topic.add_partitions(3)
    assert topic.log(1) is log
    assert topic.partitions[2] == TopicPartition("orders", 2)
    for total in (3, 1):
        with pytest.raises(InvalidPartitions, match=f"has 3 partitions and cannot have {total}"):
            topic.add_partitions(total)


def test_requests_without_keys_take_the_partitions_in_turn(topics: Topics) -> None:
    topic = create(topics, "orders", partitions=3)

    def turns(count: int) -> list[int]:
        taken = []
        for _ in range(count):
            taken.append(topic.keyless_partition)
            topic.pass_keyless_turn()
        return taken

    assert turns(7) == [0, 1, 2, 0, 1, 2, 0]
    topic.add_partitions(4)
    assert set(turns(4)) == {0, 1, 2, 3}


def test_the_records_held_are_counted_over_all_partitions(topics: Topics) -> None:
    topic = create(topics, "orders", partitions=2)
    topic.log(0).append(new_batch(b"a", b"b"))
    topic.log(1).append(new_batch(b"c"))
    topic.log(1).append(new_batch(b"d"))
    assert topic.record_count() == 4
    topic.log(0).drop_head()
    assert topic.record_count() == 2
