"""Batches of 500 records of 100 bytes from one Python client: this broker, Redis Streams and the plain FastAPI app.

The client is a process of its own, and so is each peer, started anew for each round. The order alternates from round
to round; the figures are medians, and the ratios are medians of each round's ratio, because machines are noisy. The
processor time of client and server for a record is shown beside: other programs on the machine disturb it least.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median

from bench.batch_clients import Client, MiniKafkaClient, PlainAppClient, RedisClient, with_http_client, with_requests
from bench.servers import Server, has_redis, mini_kafka, plain_app, redis_server

BATCH = 500
BATCHES = 100
SINGLES = 500
WARM_UP = 3
ROUNDS = 5
VALUES = [f"{number:06}" + "x" * 94 for number in range(BATCH)]


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, and the client that uses it."""

    name: str
    server: Callable[[], AbstractContextManager[Server]]
    client: Callable[[str], Client]


def _mini_kafka(url: str) -> Client:
    return MiniKafkaClient(with_http_client(url))


def _mini_kafka_requests(url: str) -> Client:
    return MiniKafkaClient(with_requests(url))


def _plain_app(url: str) -> Client:
    return PlainAppClient(with_http_client(url))


def _redis(url: str) -> Client:
    return RedisClient(url, hiredis=False)


def _redis_hiredis(url: str) -> Client:
    return RedisClient(url, hiredis=True)


OURS = "mini-kafka, http.client"
HTTP_PEERS = (
    Peer(OURS, mini_kafka, _mini_kafka),
    Peer("mini-kafka, requests", mini_kafka, _mini_kafka_requests),
    Peer("plain app, http.client", plain_app, _plain_app),
)
REDIS = "redis, redis-py"
REDIS_PEERS = (
    Peer(REDIS, redis_server, _redis),
    Peer("redis, redis-py[hiredis]", redis_server, _redis_hiredis),
)
AIMS = {"produce": 3.0, "fetch": 1.0, "share": 2.0, "share one": 2.0}
"""How many times the records a second of Redis with redis-py."""
LABELS = {
    "produce": f"produce, {BATCH} at a time",
    "fetch": f"fetch, {BATCH} at a time",
    "share": f"acquire and accept (XREADGROUP, XACK), {BATCH} at a time",
    "share one": "acquire and accept (XREADGROUP, XACK), one by one",
}


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement: records a second, and the processor time of client and server for a record, in microseconds."""

    per_second: float
    client_us: float
    server_us: float


def measure(peer: Peer, server: Server) -> dict[str, Result]:
    """Use a running server as this process."""
    client = peer.client(server.url)
    client.produce(VALUES)
    if client.fetch(BATCH) != VALUES:
        raise RuntimeError(f"{peer.name} gave other values than it got")
    results = {
        "produce": _timed(server, lambda: client.produce(VALUES), BATCH, BATCHES),
        "fetch": _timed(server, lambda: _all(len(client.fetch(BATCH)), BATCH), BATCH, BATCHES),
    }
    if client.share(BATCH):
        results["share"] = _timed(server, lambda: _all(client.share(BATCH), BATCH), BATCH, BATCHES - SINGLES // BATCH)
        results["share one"] = _timed(server, lambda: _all(client.share(1), 1), 1, SINGLES)
    return results


def _all(count: int, wanted: int) -> None:
    if count != wanted:
        raise RuntimeError(f"{count} records instead of {wanted}")


def _timed(server: Server, act: Callable[[], None], records: int, times: int) -> Result:
    """Do something so often, the first few times as a warm-up."""
    for _ in range(WARM_UP):
        act()
    times -= WARM_UP
    cpu, own_cpu, started = server.cpu_seconds(), time.process_time(), time.perf_counter()
    for _ in range(times):
        act()
    seconds = time.perf_counter() - started
    total = records * times
    return Result(
        total / seconds, (time.process_time() - own_cpu) / total * 1e6, (server.cpu_seconds() - cpu) / total * 1e6
    )


def main() -> None:
    """Run and print."""
    peers = HTTP_PEERS + (REDIS_PEERS if has_redis() else ())
    results: dict[str, list[dict[str, Result]]] = {peer.name: [] for peer in peers}
    with get_context("spawn").Pool(1, maxtasksperchild=1) as clients:
        for number in range(ROUNDS):
            for peer in peers[:: -1 if number % 2 else 1]:
                with peer.server() as server:
                    results[peer.name].append(clients.apply(measure, (peer, server)))
    print(f"records of 100 bytes, one client, medians of {ROUNDS} rounds")
    for act, label in LABELS.items():
        print(f"  {label}")
        for name, rounds in results.items():
            if act in rounds[0]:
                rate, client, server_us = (median(getattr(one[act], it) for one in rounds) for it in Result.__slots__)
                print(f"    {name:26}{rate:10,.0f} records/s   client {client:6.1f} us   server {server_us:6.1f} us"
                      f"   ours / this {_ratio(results, act, name):6.2f}")  # fmt: skip
        if has_redis():
            print(f"    aim: {AIMS[act]:.0f} times {REDIS}; it is {_ratio(results, act, REDIS):.2f} times")
    if not has_redis():
        print(
            "  the comparison with Redis is left out: there is no redis-server here (Debian: apt install redis-server)"
        )


def _ratio(results: dict[str, list[dict[str, Result]]], act: str, name: str) -> float:
    """Say how many times the records a second of another the broker has with the standard library's client."""
    pairs = zip(results[OURS], results[name], strict=True)
    return median(ours[act].per_second / theirs[act].per_second for ours, theirs in pairs)


if __name__ == "__main__":
    main()
