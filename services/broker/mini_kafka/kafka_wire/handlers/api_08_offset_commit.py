"""OffsetCommit (8), versions 2 to 10: a group's next offsets to read, as one of its members or from outside.

Each partition is answered for itself; a refusal of the whole group is written into each. What is unknown is refused
before the group is asked, as in Kafka.

- 2 to 4 name a retention time, which Kafka has ignored since 2.1 (KIP-211): offsets live as long as their group.
- 6 brings the leader epoch, 7 static members.
- 9 answers GROUP_ID_NOT_FOUND to a member of a group that is gone; before, it is ILLEGAL_GENERATION.
- 10 names topics by id (KIP-848).
"""

from typing import Any

from mini_kafka.core.errors import BrokerError, GroupKindConflict, GroupNotFound
from mini_kafka.core.group_member import Place
from mini_kafka.core.offsets import TopicPartition
from mini_kafka.engine.group_values import OffsetAndMetadata
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.error_codes import ErrorCode, group_code
from mini_kafka.kafka_wire.handlers.topic_names import topic_key, topic_name
from mini_kafka.kafka_wire.kio_codec import read_request, respond


def handle(call: Call) -> bytes:
    """Commit what is asked for, and say for each partition whether it is."""
    request = read_request(call.request)
    names = [topic_name(call, topic) for topic in request.topics]
    codes = _commit(call, request, names)
    topics = []
    for topic, name in zip(request.topics, names, strict=True):
        unknown = ErrorCode.UNKNOWN_TOPIC_ID
        partitions = [
            {
                "partition_index": one.partition_index,
                "error_code": unknown if name is None else codes.get(TopicPartition(name, one.partition_index), 0),
            }
            for one in topic.partitions
        ]
        topics.append({**topic_key(topic), "partitions": partitions})
    return respond(call, topics=topics)


def _commit(call: Call, request: Any, names: list[str | None]) -> dict[TopicPartition, ErrorCode]:
    """Commit, and give the code of each partition that is refused."""
    wanted = {
        TopicPartition(name, one.partition_index): OffsetAndMetadata(
            one.committed_offset, getattr(one, "committed_leader_epoch", -1), one.committed_metadata or ""
        )
        for topic, name in zip(request.topics, names, strict=True)
        if name is not None
        for one in topic.partitions
    }
    place = Place(request.member_id, request.generation_id_or_member_epoch, getattr(request, "group_instance_id", None))
    try:
        refused = call.engine.group_offsets.commit(call.caller, request.group_id, place, wanted)
    except BrokerError as error:
        return dict.fromkeys(wanted, _code_of_all(error, call.version))
    return {partition: group_code(error) for partition, error in refused.items()}


def _code_of_all(error: BrokerError, version: int) -> ErrorCode:
    if isinstance(error, GroupNotFound) and version < 9:
        return ErrorCode.ILLEGAL_GENERATION
    if isinstance(error, GroupKindConflict):
        return ErrorCode.UNKNOWN_MEMBER_ID
    return group_code(error)
