"""The common way of putting HTTP before Kafka: FastAPI and Pydantic models over aiokafka's producer and consumer."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from fastapi import FastAPI, Request
from pydantic import BaseModel

PATIENCE_MS = 5000


class PublishRequest(BaseModel):
    """Append a message."""

    topic: str
    value: str


class Message(BaseModel):
    """A message in its place."""

    offset: int
    value: str


@asynccontextmanager
async def connected(app: FastAPI) -> AsyncIterator[None]:
    """Have a producer and a consumer while the app runs."""
    address = os.environ["PLAIN_KAFKA_ADDRESS"]
    app.state.producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True)
    app.state.consumer = AIOKafkaConsumer(bootstrap_servers=address, max_partition_fetch_bytes=262_144)
    app.state.turn = asyncio.Lock()
    await app.state.producer.start()
    await app.state.consumer.start()
    yield
    await app.state.producer.stop()
    await app.state.consumer.stop()


app = FastAPI(lifespan=connected)


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    """Answer."""
    return {"status": "ok"}


@app.post("/topics/register")
async def register_topic(topic: dict[str, str]) -> dict[str, str]:
    """Take what the other plain app's clients say first; whoever measures has made the topic."""
    return topic


@app.post("/produce")
async def produce(message: PublishRequest, request: Request) -> int:
    """Append a message, and say where it lies."""
    placed = await request.app.state.producer.send_and_wait(message.topic, message.value.encode(), partition=0)
    return int(placed.offset)


@app.post("/produce_many")
async def produce_many(messages: list[PublishRequest], request: Request) -> list[int]:
    """Append messages, and say where they lie."""
    producer = request.app.state.producer
    sent = [await producer.send(message.topic, message.value.encode(), partition=0) for message in messages]
    return [placed.offset for placed in await asyncio.gather(*sent)]


@app.get("/messages")
async def read(topic: str, offset: int, limit: int, request: Request) -> list[Message]:
    """Read messages from an offset on."""
    consumer, place = request.app.state.consumer, TopicPartition(topic, 0)
    found: list[Message] = []
    async with request.app.state.turn:
        if place not in consumer.assignment():
            consumer.assign([place])
            consumer.seek(place, offset)
        elif await consumer.position(place) != offset:
            consumer.seek(place, offset)
        while len(found) < limit:
            batch = await consumer.getmany(place, timeout_ms=PATIENCE_MS, max_records=limit - len(found))
            if not batch:
                break
            found += [Message(offset=record.offset, value=record.value.decode()) for record in batch[place]]
    return found
