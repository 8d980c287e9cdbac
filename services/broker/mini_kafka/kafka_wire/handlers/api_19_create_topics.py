"""CreateTopics (19), versions 2 to 7: topics with their partitions and configs; they exist when the answer arrives.

- Each topic is made or refused by itself. A name that is there twice is refused once, and nothing is made of it.
- With `validate_only` nothing is made, and the answer says what would be.
- A partition's replicas can be named; with one broker there is one way to do so that is right.
- 5 answers with the topic's configs, 7 with its id (KIP-516), which a topic that was only checked has not.
"""

from collections.abc import AsyncIterator
from typing import Any

from mini_kafka.core.errors import BrokerError, InvalidPartitions
from mini_kafka.engine.pace import Pace
from mini_kafka.kafka_wire.call import Answer, Call
from mini_kafka.kafka_wire.config_answers import BrokerConfigs, topic_entries
from mini_kafka.kafka_wire.error_codes import ErrorCode, kafka_code
from mini_kafka.kafka_wire.kio_codec import read_request, respond_bit_by_bit
from mini_kafka.kafka_wire.primitives import NO_ID

DEFAULT = -1
TOPICS_AT_ONCE = 3
"""Topics that are made, and written into an answer with all their configs, before others get their turn: a few
milliseconds."""
FIELDS_OF_CONFIGS = ("name", "value", "read_only", "config_source", "is_sensitive")


class _Refused(Exception):
    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


async def handle(call: Call) -> Answer:
    """Make the topics, one after the other."""
    return await respond_bit_by_bit(call, "topics", _results(call, await read_request(call.request)))


async def _results(call: Call, request: Any) -> AsyncIterator[dict[str, Any]]:
    defaults = call.broker_configs
    counts = await Pace().count(topic.name for topic in request.topics)
    topics = {topic.name: topic async for topic in Pace().each(request.topics)}
    async for name, topic in Pace(TOPICS_AT_ONCE).each(topics.items()):
        try:
            _check_once(name, counts[name])
            result = await _create(call, topic, defaults, validate_only=request.validate_only)
        except BrokerError as error:
            result = _refusal(name, kafka_code(error), str(error))
        except _Refused as error:
            result = _refusal(name, error.code, str(error))
        yield result


async def _create(call: Call, topic: Any, defaults: BrokerConfigs, *, validate_only: bool) -> dict[str, Any]:
    _check_nulls(topic)
    partitions = _partitions(call, topic)
    configs = {config.name: config.value for config in topic.configs}
    admin = call.engine.topic_admin
    if validate_only:
        count, config = admin.check_new(topic.name, partitions, configs)
        topic_id = NO_ID
    else:
        made = await call.engine.create_topic(call.caller, topic.name, partitions=partitions, configs=configs)
        count, config, topic_id = len(made.partitions), made.config, made.topic_id
    described = topic_entries(config.entries(), defaults)
    return {
        "name": topic.name,
        "topic_id": topic_id,
        "num_partitions": count,
        "replication_factor": 1,
        "configs": [{name: entry[name] for name in FIELDS_OF_CONFIGS} for entry in described],
    }


def _check_once(name: str, count: int) -> None:
    if count > 1:
        raise _Refused(ErrorCode.INVALID_REQUEST, f"topic {name!r} is there {count} times: name it once")


def _check_nulls(topic: Any) -> None:
    nulls = [config.name for config in topic.configs if config.value is None]
    if nulls:
        raise _Refused(ErrorCode.INVALID_CONFIG, f"{nulls[0]} has no value: leave it out to have the broker's default")


def _partitions(call: Call, topic: Any) -> int | None:
    """Give the wanted number of partitions, None for the broker's default."""
    if topic.assignments:
        return _assigned(call, topic)
    if topic.num_partitions != DEFAULT and topic.num_partitions < 1:
        raise InvalidPartitions(f"a topic cannot have {topic.num_partitions} partitions: it has one or more")
    if topic.replication_factor not in {DEFAULT, 1}:
        raise _Refused(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"a replication factor of {topic.replication_factor} cannot be had of one broker: use 1 or -1",
        )
    return None if topic.num_partitions == DEFAULT else int(topic.num_partitions)


def _assigned(call: Call, topic: Any) -> int:
    if topic.num_partitions != DEFAULT or topic.replication_factor != DEFAULT:
        raise _Refused(
            ErrorCode.INVALID_REQUEST,
            "replicas are assigned by hand: leave the number of partitions and the replication factor at -1",
        )
    numbers = sorted(assignment.partition_index for assignment in topic.assignments)
    node_id = call.connection.identity.node_id
    if numbers != list(range(len(numbers))):
        raise _Refused(ErrorCode.INVALID_REPLICA_ASSIGNMENT, "partitions have to be numbered from 0 on, each once")
    if any(list(assignment.broker_ids) != [node_id] for assignment in topic.assignments):
        raise _Refused(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"each partition has one replica, and it is on broker {node_id}"
        )
    return len(numbers)


def _refusal(name: str, code: ErrorCode, message: str) -> dict[str, Any]:
    return {
        "name": name,
        "error_code": code,
        "error_message": message,
        "num_partitions": -1,
        "replication_factor": -1,
        "configs": [],
    }
