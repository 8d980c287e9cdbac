"""The guide's consumers: each has its own place in each topic, and serves a topic's partitions fairly."""

from uuid import uuid4

import pytest

from mini_kafka.core.errors import UnknownConsumer
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.offsets import CommittedOffsets
from mini_kafka.core.registered_consumer import RegisteredConsumers, Turn
from mini_kafka.core.topic import Topic
from mini_kafka.core.topic_config import TopicConfig
from tests.support.batches import new_batch


def topic_of(name: str, *records: int) -> Topic:
    """Make a topic with so many batches of one record in each partition."""
    topic = Topic(name, uuid4(), TopicConfig(), len(records), MemoryBudget(2**40))
    for log, count in zip(topic.logs, records, strict=True):
        for _ in range(count):
            log.append(new_batch())
    return topic


@pytest.fixture
def offsets() -> CommittedOffsets:
    return CommittedOffsets()


@pytest.fixture
def consumers(offsets: CommittedOffsets) -> RegisteredConsumers:
    return RegisteredConsumers(offsets)


def take(consumers: RegisteredConsumers, consumer_id: str, topic: Topic) -> tuple[int, int] | None:
    """Take a consumer's next record; give its partition and offset."""
    consumer = consumers.get(consumer_id)
    turn = consumers.next_turn(consumer, topic)
    if turn is None:
        return None
    consumers.take(consumer, topic, turn.partition, turn.offset + 1)
    return turn.partition, turn.offset


def take_all(consumers: RegisteredConsumers, consumer_id: str, topic: Topic) -> list[tuple[int, int]]:
    taken = []
    while (place := take(consumers, consumer_id, topic)) is not None:
        taken.append(place)
    return taken


def test_a_consumer_that_did_not_register_is_unknown(consumers: RegisteredConsumers) -> None:
    with pytest.raises(UnknownConsumer, match="consumer 'c' is not registered"):
        consumers.get("c")


def test_registering_commits_the_start_of_every_partition(
    consumers: RegisteredConsumers, offsets: CommittedOffsets
) -> None:
    topic = topic_of("orders", 3, 2)
    topic.log(0).drop_head()
    consumers.register("c", topic)
    assert offsets.of_group("c") == {topic.partitions[0]: 1, topic.partitions[1]: 0}
    assert consumers.position(consumers.get("c"), topic) == 1


def test_two_consumers_each_read_everything(consumers: RegisteredConsumers) -> None:
    topic = topic_of("orders", 3)
    for consumer_id in ("c", "d"):
        consumers.register(consumer_id, topic)
    for consumer_id in ("c", "d"):
        assert take_all(consumers, consumer_id, topic) == [(0, 0), (0, 1), (0, 2)]


def test_a_consumer_that_registers_again_goes_on_where_it_was(consumers: RegisteredConsumers) -> None:
    topic = topic_of("orders", 3)
    consumers.register("c", topic)
    take(consumers, "c", topic)
    consumers.register("c", topic)
    assert consumers.position(consumers.get("c"), topic) == 1
    assert take_all(consumers, "c", topic) == [(0, 1), (0, 2)]


def test_a_consumer_that_moves_to_another_topic_and_back_finds_each_topics_offset(
    consumers: RegisteredConsumers,
) -> None:
    orders, bills = topic_of("orders", 3), topic_of("bills", 2)
    consumers.register("c", orders)
    take(consumers, "c", orders)
    consumers.register("c", bills)
    assert consumers.get("c").topic == "bills"
    assert take_all(consumers, "c", bills) == [(0, 0), (0, 1)]
    consumers.register("c", orders)
    assert consumers.get("c").topic == "orders"
    assert take_all(consumers, "c", orders) == [(0, 1), (0, 2)]
    consumers.register("c", bills)
    assert take_all(consumers, "c", bills) == []


def test_a_consumer_goes_on_from_an_offset_that_its_group_committed(
    consumers: RegisteredConsumers, offsets: CommittedOffsets
) -> None:
    topic = topic_of("orders", 3)
    offsets.commit("c", topic.partitions[0], 2)
    consumers.register("c", topic)
    assert take_all(consumers, "c", topic) == [(0, 2)]


def test_the_partitions_take_turns(consumers: RegisteredConsumers) -> None:
    topic = topic_of("orders", 3, 3, 3)
    consumers.register("c", topic)
    assert [partition for partition, _ in take_all(consumers, "c", topic)] == [0, 1, 2] * 3


def test_a_busy_partition_does_not_keep_the_others_waiting(consumers: RegisteredConsumers) -> None:
    topic = topic_of("orders", 100, 0, 2)
    consumers.register("c", topic)
    first = [take(consumers, "c", topic) for _ in range(4)]
    assert first == [(0, 0), (2, 0), (0, 1), (2, 1)]
    topic.log(1).append(new_batch())
    assert (1, 0) in [take(consumers, "c", topic) for _ in range(2)]


def test_registering_again_does_not_give_the_first_partition_another_turn(consumers: RegisteredConsumers) -> None:
    topic = topic_of("orders", 9, 9)
    partitions = []
    for _ in range(4):
        consumers.register("c", topic)
        partitions.append((take(consumers, "c", topic) or (None,))[0])
    assert partitions == [0, 1, 0, 1]


def test_nothing_new_is_none_until_a_record_comes(consumers: RegisteredConsumers) -> None:
    topic = topic_of("orders", 0, 0)
    consumers.register("c", topic)
    assert take(consumers, "c", topic) is None
    topic.log(1).append(new_batch())
    assert take(consumers, "c", topic) == (1, 0)
    assert take(consumers, "c", topic) is None


def test_a_consumer_that_fell_behind_goes_on_at_the_log_start(consumers: RegisteredConsumers) -> None:
    topic = topic_of("orders", 5)
    consumers.register("c", topic)
    for _ in range(3):
        topic.log(0).drop_head()
    assert consumers.next_turn(consumers.get("c"), topic) == Turn(partition=0, offset=3, committed=0)
    assert take_all(consumers, "c", topic) == [(0, 3), (0, 4)]


def test_looking_for_the_next_record_moves_nothing(consumers: RegisteredConsumers, offsets: CommittedOffsets) -> None:
    topic = topic_of("orders", 2, 2)
    consumer = consumers.register("c", topic)
    assert consumers.next_turn(consumer, topic) == consumers.next_turn(consumer, topic)
    assert consumers.position(consumer, topic) == 0


def test_a_partition_that_was_added_later_is_read_from_its_start(consumers: RegisteredConsumers) -> None:
    topic = topic_of("orders", 1)
    consumers.register("c", topic)
    topic.add_partitions(2)
    topic.log(1).append(new_batch())
    assert take_all(consumers, "c", topic) == [(0, 0), (1, 0)]


def test_the_position_is_the_sum_over_the_topics_partitions(consumers: RegisteredConsumers) -> None:
    topic, other = topic_of("orders", 3, 4), topic_of("bills", 9)
    consumers.register("c", other)
    take_all(consumers, "c", other)
    consumers.register("c", topic)
    take_all(consumers, "c", topic)
    assert consumers.position(consumers.get("c"), topic) == 7


def test_consumers_are_listed_by_name(consumers: RegisteredConsumers) -> None:
    topic = topic_of("orders", 0)
    for consumer_id in ("b", "c", "a"):
        consumers.register(consumer_id, topic)
    assert [consumer.consumer_id for consumer in consumers] == ["a", "b", "c"]


def test_the_consumers_of_a_deleted_topic_have_to_register_again(consumers: RegisteredConsumers) -> None:
    orders, bills = topic_of("orders", 1), topic_of("bills", 1)
    consumers.register("reader", orders)
    consumers.register("other", bills)
    consumers.register("moved", orders)
    consumers.register("moved", bills)
    consumers.forget_topic("orders")
    assert [consumer.consumer_id for consumer in consumers] == ["moved", "other"]
    with pytest.raises(UnknownConsumer):
        consumers.get("reader")
