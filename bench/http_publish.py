"""/produce and /consume, one message a request over 32 connections: this broker against the plain FastAPI app.

The order alternates from round to round, and the figures are medians, because machines are noisy.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from statistics import median

from bench import load
from bench.servers import Server, mini_kafka, plain_app

CONNECTIONS = 32
REQUESTS = 20_000
ROUNDS = 5
TOPIC = "bench"
PRODUCE = json.dumps({"topic": TOPIC, "value": "x" * 100, "key": None}).encode()
CONSUME = json.dumps({"consumer_id": "bench"}).encode()

SERVERS: dict[str, Callable[[], AbstractContextManager[Server]]] = {"mini-kafka": mini_kafka, "plain": plain_app}


def measure(server: Server) -> dict[str, load.Result]:
    """Produce so many messages, and consume them again."""
    server.post("/topics/register", {"topic": TOPIC})
    server.post("/consumers/register", {"topic": TOPIC, "consumer_id": "bench"})
    return {
        path: load.post(server.url + path, body, connections=CONNECTIONS, requests=REQUESTS)
        for path, body in (("/produce", PRODUCE), ("/consume", CONSUME))
    }


def main() -> None:
    """Run and print."""
    results: dict[str, list[dict[str, load.Result]]] = {name: [] for name in SERVERS}
    for number in range(ROUNDS):
        for name in sorted(SERVERS, reverse=number % 2 == 1):
            with SERVERS[name]() as server:
                results[name].append(measure(server))
    print(f"one message a request, {CONNECTIONS} connections, {REQUESTS} requests, medians of {ROUNDS} rounds")
    for path in ("/produce", "/consume"):
        for name, rounds in results.items():
            rate, p50, p99 = (median(getattr(one[path], figure) for one in rounds) for figure in load.Result.__slots__)
            print(f"  {path:9} {name:11} {rate:8.0f} requests/s   p50 {p50:5.2f} ms   p99 {p99:5.2f} ms")
        pairs = zip(results["mini-kafka"], results["plain"], strict=True)
        ratio = median(ours[path].per_second / theirs[path].per_second for ours, theirs in pairs)
        print(f"  {path:9} ratio       {ratio:8.2f} (aim: at least 3)")


if __name__ == "__main__":
    main()
