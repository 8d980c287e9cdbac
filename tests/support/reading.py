"""Reading one partition through an engine, as most tests want it."""

from dataclasses import dataclass

from mini_kafka.core.offsets import TopicPartition
from mini_kafka.core.record_batch import Record
from mini_kafka.engine.port import Caller, Engine


@dataclass(frozen=True)
class Fetched:
    """What was read, and the bounds of the log afterwards."""

    records: tuple[Record, ...]
    log_start_offset: int
    high_watermark: int


async def fetch(
    engine: Engine, caller: Caller, partition: TopicPartition, offset: int, *, max_records: int, wait_ms: int = 0
) -> Fetched:
    """Read a partition from an offset on."""
    topic, number = partition
    read = await engine.read(
        caller, topic, {number: offset}, partition=number, max_records=max_records, wait_ms=wait_ms
    )
    bounds = (await engine.describe_topic(caller, topic)).partitions[number]
    records = tuple(found.record for found in read.records if isinstance(found.record, Record))
    assert len(records) == len(read.records)
    return Fetched(records, bounds.log_start_offset, bounds.high_watermark)


async def offset_at(engine: Engine, caller: Caller, partition: TopicPartition, at: int) -> int:
    """Look an offset up in one partition."""
    return (await engine.offsets_at(caller, partition.topic, at))[partition.partition]
