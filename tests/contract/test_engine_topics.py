"""What every engine promises about topics."""

from collections.abc import Callable

import pytest

from mini_kafka.core.errors import InvalidConfig, InvalidPartitions, InvalidTopic, TopicExists, UnknownTopic
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import NewRecord
from mini_kafka.engine.port import Caller, Engine, TopicDescription
from tests.support.reading import fetch

pytestmark = pytest.mark.anyio

Unique = Callable[[str], str]


async def described(engine: Engine, caller: Caller, name: str) -> TopicDescription | None:
    found = [topic for topic in await engine.describe_topics(caller) if topic.name == name]
    return found[0] if found else None


async def test_a_created_topic_is_described_as_it_was_asked_for(engine: Engine, caller: Caller, unique: Unique) -> None:
    name = unique("orders")
    created = await engine.create_topic(caller, name, partitions=3, configs={"retention.ms": "12345"})
    assert (created.name, created.config.retention_ms, created.record_count) == (name, 12345, 0)
    assert [
        (partition.partition, partition.log_start_offset, partition.high_watermark) for partition in created.partitions
    ] == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    assert await described(engine, caller, name) == created


async def test_topics_are_listed_by_name(engine: Engine, caller: Caller, unique: Unique) -> None:
    for name in ("c", "a", "b"):
        await engine.create_topic(caller, unique(name))
    names = [topic.name for topic in await engine.describe_topics(caller)]
    assert len(names) >= 3
    assert names == sorted(names)


async def test_a_topic_cannot_be_created_twice(engine: Engine, caller: Caller, topic: str) -> None:
    before = await described(engine, caller, topic)
    with pytest.raises(TopicExists):
        await engine.create_topic(caller, topic, partitions=2)
    assert await described(engine, caller, topic) == before


async def test_what_cannot_be_created_is_not_there(engine: Engine, caller: Caller, unique: Unique) -> None:
    name = unique("refused")
    with pytest.raises(InvalidTopic):
        await engine.create_topic(caller, f"{name}/x")
    with pytest.raises(InvalidPartitions):
        await engine.create_topic(caller, name, partitions=0)
    for configs in ({"retention.ms": "-2"}, {"no.such.config": "1"}):
        with pytest.raises(InvalidConfig):
            await engine.create_topic(caller, name, configs=configs)
    assert await described(engine, caller, name) is None


async def test_names_that_differ_only_in_dot_and_underscore_collide(
    engine: Engine, caller: Caller, unique: Unique
) -> None:
    name = unique("orders")
    await engine.create_topic(caller, f"{name}.eu")
    with pytest.raises(InvalidTopic):
        await engine.create_topic(caller, f"{name}_eu")
    with pytest.raises(InvalidTopic):
        await engine.ensure_topic(caller, f"{name}_eu", explicit=True)


async def test_ensuring_makes_a_topic_once_and_finds_it_then(engine: Engine, caller: Caller, unique: Unique) -> None:
    name = unique("orders")
    made = await engine.ensure_topic(caller, name, explicit=True)
    assert (await engine.ensure_topic(caller, name, explicit=True)).topic_id == made.topic_id
    assert (await engine.ensure_topic(caller, name, explicit=False)).topic_id == made.topic_id


async def test_a_description_counts_the_records(engine: Engine, caller: Caller, wide_topic: str) -> None:
    appended = await engine.produce(caller, wide_topic, [NewRecord(b"", str(number).encode()) for number in range(10)])
    topic = await described(engine, caller, wide_topic)
    assert topic is not None
    assert topic.record_count == 10
    assert [partition.high_watermark for partition in topic.partitions] == [
        sum(place.partition == number for place in appended) for number in range(3)
    ]


async def test_a_deleted_topic_takes_its_records_and_offsets_with_it(
    engine: Engine, caller: Caller, topic: str, unique: Unique
) -> None:
    group, partition = unique("group"), TopicPartition(topic, 0)
    await engine.produce(caller, topic, [NewRecord(b"old")])
    await engine.commit_offsets(caller, group, {partition: 1})
    before = await described(engine, caller, topic)
    await engine.delete_topic(caller, topic)
    assert await described(engine, caller, topic) is None
    assert await engine.committed_offsets(caller, group) == {}
    with pytest.raises(UnknownTopic):
        await fetch(engine, caller, partition, 0, max_records=1)
    with pytest.raises(UnknownTopic):
        await engine.delete_topic(caller, topic)
    again = await engine.create_topic(caller, topic)
    assert before is not None
    assert again.topic_id != before.topic_id
    assert again.record_count == 0


async def test_the_epoch_stays_the_same_for_this_life_of_the_log(engine: Engine, caller: Caller, topic: str) -> None:
    epoch = engine.epoch
    await engine.produce(caller, topic, [NewRecord(b"")])
    assert engine.epoch == epoch != ""


async def test_putting_a_topic_makes_it_once_and_then_finds_it(engine: Engine, caller: Caller, unique: Unique) -> None:
    name = unique("orders")
    made, created = await engine.put_topic(caller, name, partitions=2, configs={"retention.ms": "1000"})
    assert created
    assert await engine.put_topic(caller, name, partitions=2, configs={"retention.ms": "1000"}) == (made, False)
    assert await engine.put_topic(caller, name) == (made, False)
    assert await engine.describe_topic(caller, name) == made


async def test_putting_a_topic_that_is_there_as_another_is_refused(
    engine: Engine, caller: Caller, unique: Unique
) -> None:
    name = unique("orders")
    made, _ = await engine.put_topic(caller, name, partitions=2)
    with pytest.raises(TopicExists, match="with 2 partitions, not 3"):
        await engine.put_topic(caller, name, partitions=3)
    with pytest.raises(TopicExists, match=r"retention\.ms=604800000, not 5"):
        await engine.put_topic(caller, name, configs={"retention.ms": "5"})
    with pytest.raises(InvalidConfig):
        await engine.put_topic(caller, name, configs={"retention.ms": "soon"})
    assert await engine.describe_topic(caller, name) == made


async def test_a_wished_config_that_was_never_set_is_compared_with_kafkas_default(
    engine: Engine, caller: Caller, topic: str
) -> None:
    _, created = await engine.put_topic(caller, topic, configs={"unclean.leader.election.enable": "false"})
    assert not created
    with pytest.raises(TopicExists, match=r"unclean.leader.election.enable=false, not true"):
        await engine.put_topic(caller, topic, configs={"unclean.leader.election.enable": "true"})


async def test_a_topic_gets_more_partitions_and_other_configs_and_keeps_what_is_not_named(
    engine: Engine, caller: Caller, wide_topic: str
) -> None:
    before = await engine.describe_topic(caller, wide_topic)
    altered = await engine.alter_topic(caller, wide_topic, partitions=5, configs={"retention.ms": "1000"})
    assert (len(altered.partitions), altered.topic_id) == (5, before.topic_id)
    assert altered.config.as_mapping() == before.config.as_mapping() | {"retention.ms": "1000"}
    assert await engine.alter_topic(caller, wide_topic, configs={"retention.bytes": "7"}) == (
        await engine.describe_topic(caller, wide_topic)
    )
    assert (await engine.describe_topic(caller, wide_topic)).config.retention_ms == 1000


async def test_a_refused_change_changes_nothing(engine: Engine, caller: Caller, wide_topic: str) -> None:
    before = await engine.describe_topic(caller, wide_topic)
    with pytest.raises(InvalidPartitions):
        await engine.alter_topic(caller, wide_topic, partitions=2, configs={"retention.ms": "1000"})
    with pytest.raises(InvalidConfig):
        await engine.alter_topic(caller, wide_topic, partitions=5, configs={"retention.ms": "soon"})
    assert await engine.describe_topic(caller, wide_topic) == before
    with pytest.raises(UnknownTopic):
        await engine.alter_topic(caller, f"{wide_topic}-not", partitions=5)


async def test_an_engine_says_what_it_carries(engine: Engine, caller: Caller, topic: str) -> None:
    before = await engine.usage()
    await engine.produce(caller, topic, [NewRecord(b"x" * 1000)])
    usage = await engine.usage()
    assert usage.brokers >= 1
    assert usage.waiting_calls == 0
    if usage.log_bytes is not None:
        assert before.log_bytes is not None
        assert usage.log_limit_bytes is not None
        assert before.log_bytes + 1000 < usage.log_bytes <= usage.log_limit_bytes
