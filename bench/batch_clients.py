"""What one Python program does with each peer: produce values, fetch them, and share them with acknowledgement.

Each client does what its users do, and no less than the others: it starts with Python strings and ends with Python
strings, over one connection that stays open, and waits for each answer. Mini Kafka and the plain app are spoken to
with the standard library's `http.client` and `json`, or with `requests`; Redis with redis-py, as `pip install redis`
gives it, or with hiredis, its parser in C (`redis[hiredis]`).
"""

import http.client
import json
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

TOPIC = "bench"
GROUP = "bench"

Ask = Callable[[str, str, object], Any]
"""Sends a method, a path and a body that becomes JSON (none for None), and gives the answer's JSON."""


class Client(Protocol):
    """A program that uses a peer."""

    def produce(self, values: Sequence[str]) -> None:
        """Append values, and wait until they are."""

    def fetch(self, count: int) -> list[str]:
        """Give the next values of the topic."""

    def share(self, count: int) -> int:
        """Take the next records of a group, acknowledge them, and count them."""


def with_http_client(url: str, ok: Collection[int] = (200,)) -> Ask:
    """Ask with the standard library; another status than `ok` is an error."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def ask(method: str, path: str, body: object) -> Any:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"content-type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status not in ok:
            raise RuntimeError(content[:300])
        return json.loads(content)

    return ask


def with_requests(url: str) -> Ask:
    """Ask with requests."""
    session = requests.Session()

    def ask(method: str, path: str, body: object) -> Any:
        answer = session.request(method, url + path, json=body)
        answer.raise_for_status()
        return answer.json()

    return ask


class MiniKafkaClient:
    """Uses /v1 with JSON."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._from = "earliest"

    def produce(self, values: Sequence[str]) -> None:
        """Send an array of records."""
        self._ask("POST", f"/v1/topics/{TOPIC}/records", [{"value": value} for value in values])

    def fetch(self, count: int) -> list[str]:
        """Go on at the token of the answer before."""
        answer = self._ask("GET", f"/v1/topics/{TOPIC}/records?from={self._from}&max_records={count}", None)
        self._from = answer["next"]
        return [record["value"] for record in answer["records"]]

    def share(self, count: int) -> int:
        """Acquire records, and accept them all."""
        acquired = self._ask("POST", f"/v1/groups/{GROUP}/acquire", {"topics": [TOPIC], "max_records": count})
        return int(self._ask("POST", f"/v1/groups/{GROUP}/acknowledge", {"accept": acquired["locks"]})["accepted"])


class PlainAppClient:
    """Uses the plain app's two endpoints for many messages; it has nothing to acknowledge."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._offset = 0
        ask("POST", "/topics/register", {"topic": TOPIC})

    def produce(self, values: Sequence[str]) -> None:
        """Send an array of messages."""
        self._ask("POST", "/produce_many", [{"topic": TOPIC, "value": value} for value in values])

    def fetch(self, count: int) -> list[str]:
        """Go on at the offset after the last one."""
        messages = self._ask("GET", f"/messages?topic={TOPIC}&offset={self._offset}&limit={count}", None)
        self._offset += len(messages)
        return [message["value"] for message in messages]

    def share(self, count: int) -> int:
        """Do nothing."""
        del count
        return 0


class RedisClient:
    """Uses a stream: XADD in one pipeline, XREAD COUNT, XREADGROUP and one XACK."""

    def __init__(self, url: str, *, hiredis: bool) -> None:
        if not hiredis:
            sys.modules["hiredis"] = None  # type: ignore[assignment]  # as if it were not installed
        import redis

        self._redis: Any = redis.Redis.from_url(url)
        self._last: bytes | str = "0"
        self._redis.xgroup_create(TOPIC, GROUP, "0", mkstream=True)

    def produce(self, values: Sequence[str]) -> None:
        """Send all XADDs, then read all answers."""
        pipeline = self._redis.pipeline(transaction=False)
        for value in values:
            pipeline.xadd(TOPIC, {"value": value})
        pipeline.execute()

    def fetch(self, count: int) -> list[str]:
        """Go on at the last entry's id."""
        [(_, entries)] = self._redis.xread({TOPIC: self._last}, count=count)
        self._last = entries[-1][0]
        return [fields[b"value"].decode() for _, fields in entries]

    def share(self, count: int) -> int:
        """Read entries as a group's consumer, and acknowledge them."""
        [(_, entries)] = self._redis.xreadgroup(GROUP, "consumer", {TOPIC: ">"}, count=count)
        return int(self._redis.xack(TOPIC, GROUP, *(entry for entry, _ in entries)))
