"""A steady load for a long time, and whether memory stays flat: `python -m bench.soak`.

Produce, fetch, shared consumption and server-sent events over HTTP, each at the producer's pace, against this broker,
or with `--apache HOST:PORT` against a gateway to that Kafka. The resident memory is looked at once a second. It is flat
when the median of the last quarter is not above that of the second quarter by more than `GROWTH_MIB`; the first quarter
is for whatever fills up once: pools, windows, the log up to its retention.
"""

import argparse
import http.client
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice, pairwise
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

from bench.batch_clients import Ask, with_http_client
from bench.servers import Server, gateway, mini_kafka

MINUTES = 10.0
REQUESTS_S = 50
BATCH = 10
GROWTH_MIB = 3.0
"""How much more the last quarter may hold than the second.

What fills up once comes to a MiB in the first minutes, and then it stays. Five minutes of this load lie between the two
in ten: what keeps 20 bytes a record, or 200 bytes a request for one, is over it.
"""
KEEPS_UP = 0.9
"""So much of what is produced each kind of reader has to get."""
PATIENCE_S = 60
WAIT_MS = 1000
MEMBERS = 2
EVENTS_A_CONNECTION = 2000
"""A follower comes back with a new connection now and then: what a connection leaves behind adds up, too."""
RETENTION_BYTES = 1024 * 1024
"""So much a partition the log in memory holds: it is full within the first quarter of a minute."""


class Sample(NamedTuple):
    """What had been done so many seconds after the start, and the memory at that time."""

    seconds: float
    done: Counter[str]
    resident_mib: float


class Soak:
    """Workers on threads that use one server, and what they have done."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._topic = f"soak-{uuid4().hex[:8]}"
        self._stopping = threading.Event()
        self._failures: list[BaseException] = []
        self.done: Counter[str] = Counter()

    def __call__(self, seconds: float) -> list[Sample]:
        """Work for so many seconds, and look at the memory once a second.

        Raises:
            RuntimeError: a worker failed.
        """
        wish = {"partitions": 2, "configs": {"retention.bytes": RETENTION_BYTES}}
        with_http_client(self._server.url, ok=(200, 201))("PUT", f"/v1/topics/{self._topic}", wish)
        self._wait_for_group()
        workers: list[Callable[[Ask], None]] = [self._produce, self._fetch, *[self._share] * MEMBERS, self._follow]
        threads = [threading.Thread(target=self._work, args=(worker,), daemon=True) for worker in workers]
        samples = []
        began = time.monotonic()
        try:
            for thread in threads:
                thread.start()
            while (passed := time.monotonic() - began) < seconds:
                samples.append(Sample(passed, Counter(self.done), self._server.resident_mib()))
                if self._stopping.wait(1):
                    break
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join(timeout=10)
        if self._failures:
            raise RuntimeError("a worker failed") from self._failures[0]
        return samples

    def _wait_for_group(self) -> None:
        """Wait until somebody coordinates groups: a cluster that never had one takes some seconds to begin."""
        ask = with_http_client(self._server.url, ok=(200, 503))
        until = time.monotonic() + PATIENCE_S
        while "locks" not in ask("POST", f"/v1/groups/{self._topic}/acquire", {"topics": [self._topic]}):
            if time.monotonic() > until:
                raise RuntimeError("nobody coordinates groups")
            time.sleep(0.2)

    def _work(self, worker: Callable[[Ask], None]) -> None:
        try:
            ask = with_http_client(self._server.url)
            while not self._stopping.is_set():
                worker(ask)
        except Exception as error:  # noqa: BLE001 - it is raised again, on the thread that waits
            self._failures.append(error)
            self._stopping.set()

    def _produce(self, ask: Ask) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0, due - time.monotonic())):
            due += 1 / REQUESTS_S
            values = [{"value": f"{self.done['produced'] + number:09}" + "x" * 91} for number in range(BATCH)]
            ask("POST", f"/v1/topics/{self._topic}/records", values)
            self.done["produced"] += BATCH

    def _fetch(self, ask: Ask) -> None:
        token = "latest"
        while not self._stopping.is_set():
            answer = ask("GET", f"/v1/topics/{self._topic}/records?from={token}&wait_ms={WAIT_MS}", None)
            token = answer["next"]
            self.done["fetched"] += len(answer["records"])

    def _share(self, ask: Ask) -> None:
        wish = {
            "topics": [self._topic],
            "max_records": 100,
            "wait_ms": WAIT_MS,
            "member": threading.current_thread().name,
        }
        while not self._stopping.is_set():
            acquired = ask("POST", f"/v1/groups/{self._topic}/acquire", wish)
            if acquired["locks"]:
                settled = ask("POST", f"/v1/groups/{self._topic}/acknowledge", {"accept": acquired["locks"]})
                self.done["shared"] += settled["accepted"]

    def _follow(self, _: Ask) -> None:
        last = ""
        while not self._stopping.is_set():
            with self._events(last) as events:
                for name in islice(events, EVENTS_A_CONNECTION):
                    self.done["followed"] += 1
                    last = name
                    if self._stopping.is_set():
                        break

    @contextmanager
    def _events(self, last: str) -> Iterator[Iterator[str]]:
        """Open a connection for server-sent events, and give their ids."""
        connection = http.client.HTTPConnection(urlsplit(self._server.url).netloc, timeout=30)
        fields = {"accept": "text/event-stream"} | ({"last-event-id": last} if last else {})
        try:
            connection.request("GET", f"/v1/topics/{self._topic}/records", headers=fields)
            yield _events_of(connection.getresponse())
        finally:
            connection.close()


def _events_of(response: http.client.HTTPResponse) -> Iterator[str]:
    if response.status != http.HTTPStatus.OK:
        raise RuntimeError(response.read(300))
    name = ""
    while line := response.readline().decode():
        if line.startswith("id: "):
            name = line[4:].strip()
        elif line.startswith("data: "):
            yield name


def growth_mib(samples: Sequence[Sample]) -> float:
    """Say by how much the median memory of the last quarter is above that of the second."""
    quarter = len(samples) // 4
    resident = [sample.resident_mib for sample in samples]
    return median(resident[-quarter:]) - median(resident[quarter : 2 * quarter])


def table(samples: Sequence[Sample], rows: int = 10) -> Iterator[str]:
    """Show what was done a second in each part of the time, and the memory at its end."""
    kinds = ("produced", "fetched", "shared", "followed")
    yield f"{'seconds':>8}" + "".join(f"{kind + '/s':>12}" for kind in kinds) + f"{'RSS MiB':>10}"
    marks = [samples[round(number * (len(samples) - 1) / rows)] for number in range(rows + 1)]
    for before, now in pairwise(marks):
        rates = ((now.done[kind] - before.done[kind]) / (now.seconds - before.seconds) for kind in kinds)
        yield f"{now.seconds:8.0f}" + "".join(f"{rate:12.0f}" for rate in rates) + f"{now.resident_mib:10.1f}"


def soak(server: AbstractContextManager[Server], seconds: float) -> tuple[list[Sample], float]:
    """Load a server for so long, print the table and the verdict, and give all samples and the growth in MiB."""
    with server as running:
        samples = Soak(running)(seconds)
    growth = growth_mib(samples)
    print(*table(samples), sep="\n")
    verdict = "flat" if growth <= GROWTH_MIB else "NOT FLAT"
    print(f"{verdict}: from the second quarter to the last, memory grew by {growth:.1f} MiB (bound {GROWTH_MIB:.0f})")
    return samples, growth


def main() -> None:
    """Run as a command; the exit code is 1 where memory is not flat, or readers fall behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--apache", metavar="HOST:PORT", help="a Kafka to which a gateway is loaded; else this broker")
    arguments = parser.parse_args()
    server = gateway(arguments.apache) if arguments.apache else mini_kafka()
    samples, growth = soak(server, arguments.minutes * 60)
    done = samples[-1].done
    slowest = min(done["fetched"], done["shared"], done["followed"])
    sys.exit(growth > GROWTH_MIB or not slowest > KEEPS_UP * done["produced"])


if __name__ == "__main__":
    main()
