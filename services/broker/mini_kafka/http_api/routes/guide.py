"""The guide's API at the root: register, produce, consume, stats.

Each function is an ordinary FastAPI route. The gate also calls those in `HOT` directly, with the same arguments,
because validating the body's bytes with the model is all that they need of FastAPI.
"""

import secrets

from fastapi import APIRouter, Response, status

from mini_kafka.http_api.aside import INLINE_RECORDS, aside
from mini_kafka.http_api.deps import CallDep
from mini_kafka.http_api.documented import problems
from mini_kafka.http_api.hot import HotRoute
from mini_kafka.http_api.mapping import stats_json, to_message, to_new_record
from mini_kafka_shared.schemas import (
    ConsumeRequest,
    ConsumerRegistered,
    ConsumerRegistration,
    Message,
    ProducerRegistered,
    ProducerRegistration,
    Published,
    PublishRequest,
    Stats,
    TopicRegistered,
    TopicRegistration,
)

router = APIRouter(tags=["guide"])


BODY_PROBLEMS = problems(
    _400="the request is not valid HTTP/1.1",
    _403="the request comes from another site's page",
    _408="the request came in too slowly",
    _413="the body or the record is too large",
    _415="the body is not JSON",
    _422="the body is not what this call takes",
    _503="the broker is stopping, or too many bodies are on their way",
)
TOO_MANY = problems(_429="there are too many topics, partitions or consumers; Retry-After says when to try again")
FULL = problems(_429="the log's memory is full; Retry-After says when to try again")


@router.post("/topics/register", responses=BODY_PROBLEMS | TOO_MANY, summary="Create a topic, or find it")
async def register_topic(body: TopicRegistration, call: CallDep) -> TopicRegistered:
    """Create the topic if it is not there; a topic that is there stays as it is."""
    await call.engine.ensure_topic(call.caller, body.topic, explicit=True)
    return TopicRegistered(topic=body.topic)


@router.post(
    "/producers/register",
    responses=BODY_PROBLEMS | TOO_MANY | problems(_404="the topic does not exist and may not be created"),
    summary="Announce a producer",
)
async def register_producer(body: ProducerRegistration, call: CallDep) -> ProducerRegistered:
    """Create the topic if it is not there, and make up a producer_id if none is given."""
    await call.engine.ensure_topic(call.caller, body.topic, explicit=False)
    return ProducerRegistered(topic=body.topic, producer_id=body.producer_id or made_up("producer"))


@router.post(
    "/consumers/register",
    responses=BODY_PROBLEMS | TOO_MANY | problems(_404="the topic does not exist and may not be created"),
    summary="Announce a consumer",
)
async def register_consumer(body: ConsumerRegistration, call: CallDep) -> ConsumerRegistered:
    """Start a consumer at the topic's first record; one that registers again goes on where it was."""
    consumer_id = body.consumer_id or made_up("consumer")
    await call.engine.register_consumer(call.caller, consumer_id, body.topic)
    return ConsumerRegistered(topic=body.topic, consumer_id=consumer_id)


@router.post(
    "/produce",
    responses=BODY_PROBLEMS | FULL | problems(_404="the topic does not exist; register it"),
    summary="Append one message to a topic",
)
async def produce(body: PublishRequest, call: CallDep) -> Published:
    """Append the message and answer with its offset."""
    [appended] = await call.engine.produce(call.caller, body.topic, [to_new_record(body)])
    return Published(offset=appended.offset)


@router.post(
    "/consume",
    response_model=Message,
    responses=BODY_PROBLEMS
    | problems(_404="the consumer is not registered")
    | {status.HTTP_204_NO_CONTENT: {"description": "there is nothing new"}},
    summary="Take a consumer's next message",
)
async def consume(body: ConsumeRequest, call: CallDep) -> Message | None:
    """Answer with the next message and move the consumer's offset on; with `wait_ms`, wait for one."""
    consumed = await call.engine.consume(call.caller, body.consumer_id)
    if consumed is None and body.wait_ms:
        waiting = call.engine.consume(call.caller, body.consumer_id, wait_ms=body.wait_ms)
        consumed = await call.while_connected(waiting)
    return None if consumed is None else to_message(consumed)


@router.get("/stats", response_model=Stats, summary="Count the records, and show where every consumer stands")
async def stats(call: CallDep) -> Response:
    """Show the records held by topic, and each consumer's topic and offset."""
    topics = await call.engine.describe_topics(call.caller)
    places = await call.engine.consumer_places(call.caller)
    content = await aside(len(topics) + len(places) > INLINE_RECORDS, stats_json, topics, places)
    return Response(content, media_type="application/json")


def made_up(kind: str) -> str:
    """Make up an id, such as `consumer-1f2e3d4c`."""
    return f"{kind}-{secrets.token_hex(4)}"


HOT = {
    ("POST", "/topics/register"): HotRoute(register_topic, TopicRegistration),
    ("POST", "/producers/register"): HotRoute(register_producer, ProducerRegistration),
    ("POST", "/consumers/register"): HotRoute(register_consumer, ConsumerRegistration),
    ("POST", "/produce"): HotRoute(produce, PublishRequest),
    ("POST", "/consume"): HotRoute(consume, ConsumeRequest),
}
