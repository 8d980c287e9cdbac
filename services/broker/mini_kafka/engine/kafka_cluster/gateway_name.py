"""The gateway's name in the number of each acquisition: a lock says by itself where it is held.

The core numbers acquisitions, and wants no number twice as long as a lock of it may come back. Over a cluster that has
to hold for all gateways, and for each of a gateway's lives: a number begins with the gateway's name, goes on with one
that is drawn for this life, and ends with a count. A lock of an earlier life of the same gateway is therefore late, and
so is one of another gateway that was given the same name by mistake, whenever they were started.
"""

import re
import secrets
import socket
from collections.abc import Iterator
from itertools import count

COUNT_BITS = 40
LIFE_BITS = 48
NAME_SHIFT = COUNT_BITS + LIFE_BITS


def default_name() -> str:
    """Name the gateway after its host, as a setting may: in ASCII, which goes into a header as it is."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:63] or "gateway"


def acquisitions(name: str) -> Iterator[int]:
    """Number the acquisitions of a new life of a gateway."""
    life = secrets.randbits(LIFE_BITS)
    return count((int.from_bytes(name.encode("ascii")) << NAME_SHIFT) + (life << COUNT_BITS) + 1)


def gateway_of(acquisition: int) -> str:
    """Name the gateway that a lock of this acquisition is held by; a broker with the log in RAM has none."""
    name = acquisition >> NAME_SHIFT
    return name.to_bytes(-(-name.bit_length() // 8)).decode("ascii", "replace")
