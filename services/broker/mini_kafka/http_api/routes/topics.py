"""/v1: what this broker is, and its topics: list, show, have, change, delete."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response, status
from pydantic import Field

from mini_kafka.engine.port import EARLIEST, LATEST, Caller, Engine, TopicDescription
from mini_kafka.http_api.deps import CallDep, JsonBody
from mini_kafka.http_api.documented import CHANGING, problems
from mini_kafka.http_api.model_answer import model_answer
from mini_kafka.http_api.position import TIMES, time_of
from mini_kafka.http_api.query import Query, documented, read_query
from mini_kafka_shared import __version__
from mini_kafka_shared.schemas_v1 import (
    Broker,
    PartitionOffset,
    TopicChange,
    TopicDetails,
    TopicList,
    TopicOffsets,
    TopicPartitionDetails,
    TopicSummary,
    TopicWish,
)

router = APIRouter(prefix="/v1", tags=["topics"])

TopicName = Annotated[str, Path(description="the topic's name", examples=["orders"])]
NO_TOPIC = problems(_404="the topic does not exist")


class OffsetsQuery(Query):
    """Where in a topic."""

    at: str = Field(default="latest", description=TIMES)


@router.get("", summary="What this broker is")
async def show_broker(call: CallDep) -> Broker:
    """Show the version, the life of the log, where Kafka clients connect, and every limit."""
    limits = dict(call.bounds.shown)
    if call.engine.message_max_bytes is not None:
        limits["message_max_bytes"] = call.engine.message_max_bytes
    return Broker(
        version=__version__,
        epoch=call.engine.epoch,
        engine=call.engine.name,
        gateway=call.engine.gateway or None,
        kafka=call.bounds.kafka_address,
        limits=limits,
    )


@router.get("/topics", response_model=TopicList, summary="List the topics")
async def list_topics(call: CallDep) -> Response:
    """List all topics by name."""
    described = await call.engine.describe_topics(call.caller)
    return await model_answer(
        len(described),
        lambda: TopicList(
            topics=[
                TopicSummary(name=topic.name, partitions=len(topic.partitions), records=topic.record_count)
                for topic in described
            ]
        ),
    )


@router.get("/topics/{topic}", response_model=TopicDetails, responses=NO_TOPIC, summary="Show a topic")
async def show_topic(topic: TopicName, call: CallDep) -> Response:
    """Show a topic's id, its configs, and the bounds of its partitions."""
    return await _answer(await call.engine.describe_topic(call.caller, topic))


@router.put(
    "/topics/{topic}",
    status_code=status.HTTP_201_CREATED,
    response_model=TopicDetails,
    responses=CHANGING
    | problems(
        _409="it exists with other partitions or configs",
        _415="the body is not JSON",
        _429="there are too many partitions",
    )
    | {status.HTTP_200_OK: {"model": TopicDetails, "description": "it was there as wished"}},
    dependencies=[JsonBody],
    summary="Have a topic",
)
async def put_topic(topic: TopicName, call: CallDep, wish: TopicWish | None = None) -> Response:
    """Create the topic if it is not there. One that is there must be as wished, in what the wish names."""
    wish = wish or TopicWish()
    described, created = await call.engine.put_topic(
        call.caller, topic, partitions=wish.partitions, configs=wish.configs
    )
    return await _answer(described, status.HTTP_201_CREATED if created else status.HTTP_200_OK)


@router.patch(
    "/topics/{topic}",
    response_model=TopicDetails,
    responses=CHANGING | NO_TOPIC | problems(_415="the body is not JSON", _429="there are too many partitions"),
    dependencies=[JsonBody],
    summary="Change a topic",
)
async def change_topic(topic: TopicName, change: TopicChange, call: CallDep) -> Response:
    """Give a topic more partitions, other configs, or both; their number never shrinks."""
    return await _answer(
        await call.engine.alter_topic(call.caller, topic, partitions=change.partitions, configs=change.configs)
    )


@router.delete(
    "/topics/{topic}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=NO_TOPIC | problems(_403="the request comes from another site's page"),
    summary="Delete a topic",
)
async def delete_topic(topic: TopicName, call: CallDep) -> None:
    """Delete a topic, its records, and every offset that is committed for it."""
    await call.engine.delete_topic(call.caller, topic)


@router.get(
    "/topics/{topic}/offsets",
    response_model=TopicOffsets,
    responses=NO_TOPIC | problems(_422="`at` is no time"),
    openapi_extra={"parameters": documented(OffsetsQuery)},
    summary="Look offsets up",
)
async def look_up_offsets(topic: TopicName, request: Request, call: CallDep) -> Response:
    """Give an offset in each partition: the earliest, the latest, or the first at or after a time.

    `at` is `earliest`, `latest`, a time (ISO 8601, or milliseconds since 1970), or how long ago (`10m`).
    """
    query = read_query(request.scope["query_string"], OffsetsQuery)
    offsets = await offsets_at(call.engine, call.caller, topic, query.at)
    return await model_answer(
        len(offsets),
        lambda: TopicOffsets(
            topic=topic,
            offsets=[PartitionOffset(partition=number, offset=offset) for number, offset in enumerate(offsets)],
        ),
    )


async def offsets_at(engine: Engine, caller: Caller, topic: str, at: str) -> list[int]:
    """Look offsets up at a word or a time."""
    time = {"earliest": EARLIEST, "latest": LATEST}.get(at)
    return list(await engine.offsets_at(caller, topic, time_of(at, engine.now_ms()) if time is None else time))


async def _answer(topic: TopicDescription, status_code: int = status.HTTP_200_OK) -> Response:
    return await model_answer(len(topic.partitions), lambda: to_details(topic), status_code=status_code)


def to_details(topic: TopicDescription) -> TopicDetails:
    """Describe a topic as HTTP does."""
    return TopicDetails(
        name=topic.name,
        topic_id=topic.topic_id,
        records=topic.record_count,
        configs=topic.config.as_mapping(),
        partitions=[
            TopicPartitionDetails(
                partition=partition.partition,
                log_start_offset=partition.log_start_offset,
                high_watermark=partition.high_watermark,
            )
            for partition in topic.partitions
        ],
    )
