"""Requests of every API and version as no client sends them: cut, overwritten, with lengths that are not true."""

import random
from collections.abc import Iterator

from tests.support.kafka import frame_of
from tests.support.kafka_messages import random_message, versions

CLAIMS = (b"\xff\xff\xff\xff\x0f", b"\x7f\xff\xff\xff", b"\x7f\xff", b"\xff\xff\xff\xff", b"\x80", b"\0\0\0\0")


def damaged(rng: random.Random, frame: bytes) -> bytes:
    """Change a frame's content somewhere; its size stays true, so that the damage is read."""
    content = bytearray(frame[4:])
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        place = rng.randrange(8, len(content) + 1)
        match rng.randrange(5):
            case 0:
                content[place:] = b""
            case 1:
                content[place:place] = rng.choice(CLAIMS)
            case 2:
                claim = rng.choice(CLAIMS)
                content[place : place + len(claim)] = claim
            case 3:
                content[place : place + 1] = rng.randbytes(1)
            case _:
                content[place:place] = rng.randbytes(rng.randrange(20))
    return len(content).to_bytes(4, "big") + content


def frames(rng: random.Random) -> Iterator[bytes]:
    """Give damaged frames of every API and version, one after the other, for ever."""
    while True:
        for api, version in versions():
            whole = frame_of(api, version, random_message(api, version, "Request", rng))
            for _ in range(10):
                yield damaged(rng, whole)
