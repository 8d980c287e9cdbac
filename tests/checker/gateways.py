"""How a worker asks several gateways of one cluster: any of them each time, as behind a load balancer without memory.

Only a request that names a gateway goes to that one. A gateway that cannot reach its cluster says 503, or 502 where a
part of a request was done: nobody knows what became of the rest, so either is as good as a lost answer.
"""

import time
from collections.abc import Iterator
from random import Random

from tests.checker.http_clients import CUT, Answer, Connection, Lost

NOBODY_KNOWS = {502, 503}
MOST_S = 12.0
"""How long an answer may take: a call's time, which is 5 s in these runs, and as long for a machine that is busy."""


class Gateways:
    """Gateways at addresses, `NAME=HOST:PORT,…`, each asked over one connection as long as that holds."""

    def __init__(self, addresses: str, rng: Random, cut: float = CUT) -> None:
        self._rng = rng
        self._connections = {
            name: Connection(address, rng, cut)
            for name, _, address in (one.partition("=") for one in addresses.split(","))
        }

    def ask(self, method: str, path: str, body: bytes = b"", **fields: str) -> Answer:
        """Send a request and take its whole answer."""
        began = time.monotonic()
        try:
            answer = self._choose(fields.get("Mini_Kafka_Gateway")).ask(method, path, body, **fields)
        finally:
            took_s = time.monotonic() - began
            assert took_s < MOST_S, f"{method} {path} took {took_s:.1f} s"
        if answer.status in NOBODY_KNOWS:
            raise Lost
        return answer

    def lines(self, path: str, seconds: float, **fields: str) -> Iterator[bytes]:
        """Read the lines of an answer that goes on, until nothing has come for some time."""
        return self._choose(None).lines(path, seconds, **fields)

    def close(self) -> None:
        """Let go of the connections."""
        for connection in self._connections.values():
            connection.close()

    def _choose(self, name: str | None) -> Connection:
        return self._connections[name or self._rng.choice(list(self._connections))]


def connect(address: str, rng: Random, cut: float = CUT) -> Connection | Gateways:
    """Give a way to ask a broker at `HOST:PORT`, or gateways at `NAME=HOST:PORT,…`."""
    return Gateways(address, rng, cut) if "=" in address else Connection(address, rng, cut)
