"""The peer: the same endpoints as a beginner would write them, with FastAPI, Pydantic models, lists and dicts."""

from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel


class TopicRegistration(BaseModel):
    """Create a topic."""

    topic: str


class ConsumerRegistration(BaseModel):
    """Announce a consumer."""

    topic: str
    consumer_id: str


class PublishRequest(BaseModel):
    """Append a message."""

    topic: str
    value: str
    key: str | None = None


class ConsumeRequest(BaseModel):
    """Ask for the next message."""

    consumer_id: str


class Message(BaseModel):
    """A message in its place."""

    topic: str
    offset: int
    value: str
    key: str | None = None


app = FastAPI()
topics: dict[str, list[Message]] = {}
consumers: dict[str, str] = {}
offsets: dict[str, int] = {}


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    """Answer."""
    return {"status": "ok"}


@app.post("/topics/register")
async def register_topic(registration: TopicRegistration) -> dict[str, str]:
    """Create a topic."""
    topics.setdefault(registration.topic, [])
    return {"status": "ok", "topic": registration.topic}


@app.post("/consumers/register")
async def register_consumer(registration: ConsumerRegistration) -> dict[str, str]:
    """Announce a consumer."""
    consumers[registration.consumer_id] = registration.topic
    offsets.setdefault(registration.consumer_id, 0)
    return {"status": "ok", "topic": registration.topic, "consumer_id": registration.consumer_id}


@app.post("/produce")
async def produce(request: PublishRequest) -> dict[str, str | int]:
    """Append a message."""
    if request.topic not in topics:
        raise HTTPException(404, "unknown topic")
    messages = topics[request.topic]
    messages.append(Message(topic=request.topic, offset=len(messages), value=request.value, key=request.key))
    return {"status": "ok", "offset": len(messages) - 1}


@app.post("/consume", response_model=Message)
async def consume(request: ConsumeRequest) -> Message | Response:
    """Give the next message."""
    if request.consumer_id not in consumers:
        raise HTTPException(404, "unknown consumer")
    messages = topics[consumers[request.consumer_id]]
    offset = offsets[request.consumer_id]
    if offset >= len(messages):
        return Response(status_code=204)
    offsets[request.consumer_id] = offset + 1
    return messages[offset]


@app.post("/produce_many")
async def produce_many(requests: list[PublishRequest]) -> dict[str, str | int]:
    """Append messages."""
    for request in requests:
        answer = await produce(request)
    return answer


@app.get("/messages")
async def read_messages(topic: str, offset: int, limit: int) -> list[Message]:
    """Give messages from an offset on."""
    return topics[topic][offset : offset + limit]
