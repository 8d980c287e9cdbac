"""Damaged requests of every API and version: each is answered or refused, and nothing else happens.

A hundred thousand of them in `make test`, a tenth in `make check`. A seed makes every run the same.
"""

import asyncio
import inspect
import random

from hypothesis import settings

from mini_kafka.kafka_wire.bounds import WireLimits
from mini_kafka.kafka_wire.call import Call
from mini_kafka.kafka_wire.errors import WireError
from mini_kafka.kafka_wire.registry import APIS
from mini_kafka.kafka_wire.session import Session
from tests.support.damaged_frames import frames
from tests.support.kafka import KafkaClient, tell_kafka

FRAMES = 500 * settings().max_examples


async def outcome(client: KafkaClient, frame: bytes) -> str:
    session = Session(APIS, WireLimits(request_bytes=1024 * 1024))
    session.receive(frame)
    try:
        request = session.next_request()
        assert request is not None
        answer = request.api.handle(Call(request, client.connection))
        if inspect.isawaitable(answer):
            task = asyncio.ensure_future(answer)
            await asyncio.sleep(0)
            if not task.done():
                task.cancel()  # it waits, and its client hangs up
            try:
                session.respond(await task)
            except asyncio.CancelledError:
                return "waited"
        else:
            session.respond(answer)
    except WireError:
        return "refused"
    return "answered"


def test_a_damaged_request_is_answered_or_refused_and_never_fails() -> None:
    async def story(client: KafkaClient) -> None:
        rng = random.Random(4)
        seen = {"answered": 0, "refused": 0, "waited": 0}
        for number, frame in zip(range(FRAMES), frames(rng)):  # noqa: B905 - the frames never end
            try:
                seen[await outcome(client, frame)] += 1
            except Exception as error:
                error.add_note(f"frame {number}: {frame.hex()}")
                raise
        assert min(seen["answered"], seen["refused"]) > FRAMES / 10, seen

    tell_kafka(story, max_partitions=500, max_groups=500)
