"""OffsetCommit (8), versions 2 to 10: a group's next offsets to read, as one of its members or from outside.

Each partition is answered for itself; a refusal of the whole group is written into each. What is unknown is refused
before the group is asked, as in Kafka. Very many partitions are committed some at a time, and the group is asked anew.

- 2 to 4 name a retention time, which Kafka has ignored since 2.1 (KIP-211): offsets live as long as their group.
- 6 brings the leader epoch, 7 static members.
- 9 answers GROUP_ID_NOT_FOUND to a member of a group that is gone; before, it is ILLEGAL_GENERATION.
- 10 names topics by id (KIP-848).
"""

from collections.abc import Sequence
from typing import Any

from mini_kafka.core.errors import BrokerError, GroupKindConflict, GroupNotFound
from mini_kafka.core.group_member import Place
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.group_values import OffsetAndMetadata
from mini_kafka.engine.pace import Pace, chunks
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, group_code
from mini_kafka.kafka_wire.handlers.topic_names import topic_key, topic_name
from mini_kafka.kafka_wire.kio_codec import read_request, respond


async def handle(call: Call) -> bytes:
    """Commit what is asked for, and say for each partition whether it is."""
    request = await read_request(call.request)
    pace = Pace()
    wanted = [(topic, one) for topic in request.topics async for one in pace.each(topic.partitions)]
    codes = iter([code async for some in chunks(wanted) for code in _commit(call, request, some)])
    topics = [
        {
            **topic_key(topic),
            "partitions": [
                {"partition_index": one.partition_index, "error_code": next(codes)}
                async for one in pace.each(topic.partitions)
            ],
        }
        async for topic in pace.each(request.topics)
    ]
    return await respond(call, topics=topics)


def _commit(call: Call, request: Any, wanted: Sequence[tuple[Any, Any]]) -> list[ErrorCode]:
    """Commit partitions of topics, and give the code of each."""
    named = [(topic_name(call, topic), one) for topic, one in wanted]
    offsets = {
        TopicPartition(name, one.partition_index): OffsetAndMetadata(
            one.committed_offset, getattr(one, "committed_leader_epoch", -1), one.committed_metadata or ""
        )
        for name, one in named
        if name is not None
    }
    place = Place(request.member_id, request.generation_id_or_member_epoch, getattr(request, "group_instance_id", None))
    try:
        refused = call.engine.group_offsets.commit(call.caller, request.group_id, place, offsets)
        codes = {partition: group_code(error) for partition, error in refused.items()}
    except BrokerError as error:
        codes = dict.fromkeys(offsets, _code_of_all(error, call.version))
    return [
        ErrorCode.UNKNOWN_TOPIC_ID
        if name is None
        else codes.get(TopicPartition(name, one.partition_index), ErrorCode.NONE)
        for name, one in named
    ]


def _code_of_all(error: BrokerError, version: int) -> ErrorCode:
    if isinstance(error, GroupNotFound) and version < 9:
        return ErrorCode.ILLEGAL_GENERATION
    if isinstance(error, GroupKindConflict):
        return ErrorCode.UNKNOWN_MEMBER_ID
    return group_code(error)
