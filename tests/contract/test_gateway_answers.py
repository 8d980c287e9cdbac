"""A gateway answers as a broker in RAM does: the same requests at both, and every answer compared.

Where they differ on purpose, `DIFFERENCES` has both answers, and docs/scaling.md says it. Only where there is a real
Kafka; `tests/integration/test_cluster_contract.py` starts one.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest

from mini_kafka import bootstrap
from mini_kafka.settings import BrokerSettings
from tests.support.asgi import JSON, Answer, Client
from tests.support.broker import broker, gate_to
from tests.support.tasks import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif("APACHE_KAFKA" not in os.environ, reason="test_cluster_contract runs it over a real Kafka"),
]

Headers = Sequence[tuple[str, str]]
Call = tuple[str, str] | tuple[str, str, object] | tuple[str, str, object, Headers]
"""Method, path, body (bytes as they are, anything else as JSON) and headers; `{name}` stands for what a side knows."""

EVENTS = ("accept", "text/event-stream")
LINES = (("content-type", "application/x-ndjson"),)
TEXT = (("content-type", "text/plain"),)
ANSWERED = ("content-type", "retry-after", "mini-kafka-next", "allow", "location")
"""The header fields that are compared."""
OWN = ("request_id", "topic_id", "next", "lock", "locks", "configs", "expired", "detail", "mini-kafka-next")
"""What every broker says in its own words: that it is there is compared, and `detail` itself where it is the same."""
A_DAY_AGO_MS = 1_600_000_000_000
PARTITIONS = 3
"""Of the topic `{wide}`."""


@dataclass
class Side:
    """One of the two that are asked, and what it has said that later requests repeat."""

    client: Client
    known: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: object = b"", headers: Headers | None = None) -> Answer:
        """Send a request, and remember where to read on and what is locked."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = headers if headers is not None else () if isinstance(body, bytes) else JSON
        answer = await self.client.ask(method, self._filled(path), [self._filled(content.decode()).encode()], fields)
        if "application/json" in answer.headers.get("content-type", "") and isinstance(told := answer.json(), dict):
            self.known["next"] = told.get("next", self.known.get("next", ""))
            if "locks" in told:
                self.known |= {f"lock{number}": one["lock"] for number, one in enumerate(told["records"])}
        return answer

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self.known.get(found[1], found[0]), text)


Sides = tuple[Side, Side]


@pytest.fixture
async def sides(unique: Callable[[str], str]) -> AsyncIterator[Sides]:
    """Give a broker in RAM and a gateway, with the same two topics and the same records in one of them."""
    from mini_kafka import gateway

    chosen = BrokerSettings(engine="kafka", bootstrap_servers=(os.environ["APACHE_KAFKA"],))
    engine = gateway.build_engine(chosen)
    engine.start()
    gate, _ = await gate_to(engine, bootstrap.build_bounds(chosen), chosen)
    names = {name: unique(name) for name in ("topic", "wide", "none", "group", "consumer")}
    async with broker() as memory:
        both = Side(memory, dict(names)), Side(Client(gate), dict(names))
        for side in both:
            assert (await side.ask("PUT", "/v1/topics/{topic}", {"partitions": 1})).status == 201
            assert (await side.ask("PUT", "/v1/topics/{wide}", {"partitions": PARTITIONS})).status == 201
            assert (await side.ask("POST", "/v1/topics/{topic}/records", RECORDS)).status == 200
        yield both
        for name in ("topic", "wide"):
            await both[1].ask("DELETE", f"/v1/topics/{{{name}}}")
    await engine.close()


RECORDS = [
    {"value": "text", "key": "k", "timestamp": A_DAY_AGO_MS},
    {"value": {"n": 1.50}, "headers": {"h": "v"}, "timestamp": A_DAY_AGO_MS + 1},
    {"value": None, "key": "k", "timestamp": A_DAY_AGO_MS + 2},
    {"value_base64": "AAEC/w==", "key_base64": "/w==", "timestamp": A_DAY_AGO_MS + 3},
    {"value": "", "key": "", "headers": [["a", "1"], ["a", "2"], ["none", None]], "timestamp": A_DAY_AGO_MS + 4},
    {"value": [1, [2]], "headers_base64": {"h": "AP8="}, "timestamp": A_DAY_AGO_MS + 5},
]  # fmt: skip


def same(told: Any, *, in_words: bool) -> Any:
    """Give what two brokers have to say alike; `in_words` compares also the sentences."""
    if isinstance(told, Mapping):
        return {
            name: bool(value) if name in OWN and not (in_words and name == "detail") else same(value, in_words=in_words)
            for name, value in told.items()
        }
    if isinstance(told, list):
        return [same(one, in_words=in_words) for one in told]
    return "now" if isinstance(told, int) and told > A_DAY_AGO_MS + 1_000_000_000 else told


def seen(answer: Answer, *, in_words: bool = True) -> object:
    """Give what is compared of an answer."""
    body: object = answer.body
    if "json" in answer.headers.get("content-type", "") and answer.body:
        body = [same(json.loads(line), in_words=in_words) for line in answer.body.splitlines() if line]
    fields = {name: value for name, value in answer.headers.items() if name in ANSWERED}
    return answer.status, same(fields, in_words=in_words), body


async def compare(sides: Sides, calls: Sequence[Call], *, in_words: bool = True) -> None:
    """Ask both, one call after the other."""
    for call in calls:
        memory, gateway = [seen(await side.ask(*call), in_words=in_words) for side in sides]
        assert gateway == memory, call


READS = [
    "", "?from=latest", "?from=0", "?from=3&max_records=2", "?from=-2", "?from=-999", "?from=6", "?from=7", "?from=1d",
    f"?from={A_DAY_AGO_MS + 2}", "?from=2020-09-13T12:26:40.002Z", "?from=1970-01-01", "?from=2099-01-01", "?from=x",
    "?from=", "?from=1.5", "?from=99999999999999999999", "?from=tok", "?max_records=0", "?max_records=-1",
    "?max_records=10001", "?max_records=x", "?max_bytes=0", "?partition=0", "?partition=3", "?partition=-1",
    "?partition=99999999999", "?as=json", "?as=base64", "?as=text", "?as=x", "?wait_ms=-1", "?from=latest&wait_ms=20",
    "?follow=x", "?x=1",
]  # fmt: skip
FORMS = ["application/json", "application/x-ndjson", "text/plain", "application/octet-stream", "image/png", "*/*"]
TIMES = ["earliest", "latest", "0", f"{A_DAY_AGO_MS + 3}", "2020-09-13", "99999999999999", f"{2**63 - 1}", f"{2**63}",
         "-1", "x", ""]  # fmt: skip
BAD_RECORDS: list[object] = [
    {}, [], {"records": []}, {"records": 5}, [1], 5, "x", {"value": 1, "kye": 2},
    {"value": "a", "value_base64": "AA=="},
    {"value_base64": "@"}, {"value": "v", "headers": {"h": 5}}, {"value": "v", "timestamp": -1},
    {"value": "v", "timestamp": 2**63}, {"value": "v", "partition": 1}, {"value": "v", "partition": -1},
    {"value": "v", "partition": 2**63}, {"value": "v", "partition": "0"}, [{"value": 1}, {"value": 2, "partition": 9}],
    {"value": "x" * 1_048_600}, [{"value": 1}] * 10_001, b"", b"{", b'{"value":NaN}', b'{"value":"\\ud800"}',
]  # fmt: skip
BAD_PATHS = ["a%20b", "x" * 250, "%2e%2e", "%C3%BC", "%00"]
BAD_NAMES = ["", "a b", "x" * 250, ".", "..", "\u00fc", "a/b", 5, None]
MOVES: list[dict[str, object]] = [
    {"offset": 2}, {"to": "earliest"}, {"to": "latest"}, {"to": f"{A_DAY_AGO_MS + 3}"}, {"shift_by": -3},
    {"offset": 99}, {"shift_by": -99}, {"group": "{group}"}, {"group": "nobody"}, {"partition": 0, "offset": 1},
    {"to": "x"},
    {"partition": 7, "offset": 1}, {"partition": -1, "offset": 1}, {"offset": -1}, {"offset": 2**63}, {"offset": "1"},
    {}, {"offset": 1, "to": "latest"}, {"shift_by": 2**63 - 1}, {"topic": "{none}", "offset": 1},
    {"topic": "a b", "offset": 1},
]  # fmt: skip
ACQUIRES: list[object] = [
    {}, {"topics": []}, {"topics": "x"}, {"topics": ["a b"]}, {"topics": ["{topic}"], "max_records": 0},
    {"topics": ["{topic}"], "max_records": 10**9}, {"topics": ["{topic}"], "lock_ms": 0},
    {"topics": ["{topic}"], "wait_ms": -1}, {"topics": ["{topic}"], "member": ""}, {"topics": ["{topic}"], "x": 1},
]  # fmt: skip
BAD_WISHES: list[object] = [
    {"partitions": 0}, {"partitions": -1}, {"partitions": 2**31}, {"partitions": 1.5}, {"partitions": "2"},
    {"configs": []}, {"configs": {"retention.ms": None}}, {"x": 1}, [], "x",
]  # fmt: skip
ACKNOWLEDGES: list[object] = [{"accept": ["x"]}, {}, {"x": []}, {"accept": 5}, {"lock_ms": 0}]

SCRIPTS: dict[str, list[Call]] = {
    "what is not about records": [
        ("GET", path) for path in ("/", "/health", "/livez", "/readyz", "/openapi.json", "/docs", "/errors", "/v1/x")
    ],
    "reads from everywhere": [("GET", f"/v1/topics/{{topic}}/records{query}") for query in READS],
    "reads of several partitions": [("GET", f"/v1/topics/{{wide}}/records{query}") for query in READS],
    "reads in every form": [
        ("GET", f"/v1/topics/{{topic}}/{path}", b"", (("accept", form),))
        for path, form in product(("records", "partitions/0/records/0", "partitions/0/records/2"), FORMS)
    ],
    "single records": [
        ("GET", f"/v1/topics/{topic}/partitions/{number}/records/{offset}")
        for topic, number, offset in product(("{topic}", "{none}"), ("0", "1", "x"), ("0", "3", "6", "-1", "9" * 30))
    ],
    "offsets by time": [
        ("GET", f"/v1/topics/{topic}/offsets?at={at}") for topic, at in product(("{topic}", "{wide}", "{none}"), TIMES)
    ],
    "keys have their partitions": [
        ("POST", "/v1/topics/{wide}/records", [{"value": n, "key": f"key-{n}"} for n in range(100)]),
        ("POST", "/v1/topics/{wide}/records", [{"value": n, "key_base64": "/w" + "ABCD"[n] + "="} for n in range(4)]),
        ("POST", "/v1/topics/{wide}/records", [{"value": "x", "key": key} for key in ("", "\u00fc", "a" * 5000, "\0")]),
        ("GET", "/v1/topics/{wide}"),
    ],
    "records in": [
        ("POST", "/v1/topics/{topic}/records", [{"value": n} for n in range(1000)]),
        ("POST", "/v1/topics/{topic}/records?key=k&partition=0", b"raw \x00", TEXT),
        ("POST", "/v1/topics/{topic}/records?partition=9", b"raw", TEXT),
        ("POST", "/v1/topics/{topic}/records?key=k", {"value": 1}),
        ("POST", "/v1/topics/{topic}/records", b'{"value":1}\n{"vale":2}\n\n{"value":3,"partition":7}\n', LINES),
        ("POST", "/v1/topics/{topic}/records?ack=each", b'{"value":1}\n{"vale":2}\n{"value":3}\n', LINES),
        ("POST", "/v1/topics/{topic}/records", b'{"vale":2}\n', LINES),
        ("POST", "/v1/topics/{topic}/records", [{"value": "x" * 500_000}] * 3),
    ],
    "records that are refused": [
        *(("POST", "/v1/topics/{topic}/records", body, JSON) for body in BAD_RECORDS), ("GET", "/v1/topics/{topic}"),
    ],
    "names that are refused": [
        *(("POST", path, {"topic": name}) for path, name in
          product(("/topics/register", "/producers/register", "/consumers/register"), BAD_NAMES)),
        *(("PUT", f"/v1/topics/{name}") for name in BAD_PATHS),
        *(("GET", f"/v1/topics/{name}") for name in (*BAD_PATHS, "__consumer_offsets")),
        *(("DELETE", f"/v1/topics/{name}") for name in ("a%20b", "%00", "__consumer_offsets", "{none}")),
        ("POST", "/v1/topics/a%20b/records", b"x", TEXT),
        ("POST", "/produce", {"topic": "{none}", "value": "v"}),
    ],
    "topics": [
        ("PUT", "/v1/topics/{wide}"), ("PUT", "/v1/topics/{wide}", {"partitions": 3}),
        ("PUT", "/v1/topics/{wide}", {"partitions": 4}), ("PATCH", "/v1/topics/{wide}", {}),
        ("PATCH", "/v1/topics/{wide}", {"partitions": 4, "configs": {"retention.ms": "3600000"}}),
        ("PUT", "/v1/topics/{wide}", {"configs": {"retention.ms": 3600000}}),
        ("PUT", "/v1/topics/{wide}", {"configs": {"retention.ms": "5"}}),
        *(("PUT", "/v1/topics/{none}", body, JSON) for body in BAD_WISHES),
        ("PATCH", "/v1/topics/{none}", {"partitions": 4}), ("GET", "/v1/topics/{wide}"), ("GET", "/v1/topics/{none}"),
        ("DELETE", "/v1/topics/{wide}"), ("GET", "/v1/topics/{wide}"), ("DELETE", "/v1/topics/{wide}"),
    ],
    "a token goes on over all partitions, and ends with its topic": [
        ("GET", "/v1/topics/{wide}/records"),
        ("POST", "/v1/topics/{wide}/records", [{"value": n, "partition": n} for n in range(PARTITIONS)]),
        ("GET", "/v1/topics/{wide}/records?from={next}&partition=1"), ("GET", "/v1/topics/{wide}/records?from={next}"),
        ("GET", "/v1/topics/{wide}/records?from={next}x"), ("GET", "/v1/topics/{topic}/records?from={next}"),
        ("DELETE", "/v1/topics/{wide}"), ("PUT", "/v1/topics/{wide}", {"partitions": PARTITIONS}),
        ("GET", "/v1/topics/{wide}/records?from={next}"),
    ],
    "the guide's consumers": [
        ("POST", "/consume", {"consumer_id": "{consumer}"}), ("POST", "/consume", {"consumer_id": ""}),
        ("POST", "/consume", {"consumer_id": "{consumer}", "wait_ms": -1}),
        *([("POST", "/consumers/register", {"topic": "{topic}", "consumer_id": "{consumer}"})] * 2),
        *([("POST", "/consume", {"consumer_id": "{consumer}"})] * 4),
        ("POST", "/consumers/register", {"topic": "{topic}", "consumer_id": "{consumer}"}),
        *([("POST", "/consume", {"consumer_id": "{consumer}", "wait_ms": 20})] * 4),
        ("POST", "/produce", {"topic": "{topic}", "value": "more", "key": "\u00fc"}),
        ("POST", "/consume", {"consumer_id": "{consumer}"}), ("GET", "/v1/groups/{consumer}"),
        ("PUT", "/v1/groups/{consumer}/offsets", {"offsets": [{"topic": "{topic}", "to": "earliest"}]}),
        ("POST", "/consume", {"consumer_id": "{consumer}"}),
        ("POST", "/consumers/register", {"topic": "{wide}", "consumer_id": "{consumer}"}),
        ("POST", "/consume", {"consumer_id": "{consumer}"}), ("GET", "/v1/groups/{consumer}"),
        ("DELETE", "/v1/groups/{consumer}"), ("POST", "/consume", {"consumer_id": "{consumer}"}),
    ],
    "offsets of a group": [
        *(call for move in MOVES for call in (
            ("PUT", "/v1/groups/{group}/offsets?dry_run=true", {"offsets": [{"topic": "{topic}"} | move]}),
            ("PUT", "/v1/groups/{group}/offsets", {"offsets": [{"topic": "{topic}"} | move]}),
            ("GET", "/v1/groups/{group}"))),
        ("PUT", "/v1/groups/{group}/offsets",
         {"offsets": [{"topic": "{topic}", "offset": 1}, {"topic": "{none}", "offset": 1}]}),
        ("PUT", "/v1/groups/a%2F{group}/offsets", {"offsets": [{"topic": "{topic}", "offset": 1}]}),
        ("GET", "/v1/groups/a%2F{group}"), ("DELETE", "/v1/groups/a%2F{group}"), ("GET", "/v1/groups/a%2F{group}"),
        ("DELETE", "/v1/groups/{group}/offsets?topic={none}"), ("DELETE", "/v1/groups/{group}/offsets"),
        ("DELETE", "/v1/groups/{group}/offsets?topic={topic}"), ("GET", "/v1/groups/{group}"),
    ],
    "a group that shares records": [
        ("POST", "/v1/groups/{group}/acquire",
         {"topics": ["{topic}"], "max_records": 3, "wait_ms": 20_000, "member": "ada"}),
        ("GET", "/v1/groups/{group}"), ("DELETE", "/v1/groups/{group}"),
        ("POST", "/consumers/register", {"topic": "{topic}", "consumer_id": "{group}"}),
        ("POST", "/v1/groups/{group}/acknowledge",
         {"accept": ["{lock0}"], "release": [{"lock": "{lock1}", "delay_ms": 60_000}]}),
        ("POST", "/v1/groups/{group}/acknowledge", {"accept": ["{lock0}"], "renew": ["{lock2}"]}),
        *(("POST", "/v1/groups/{group}/acknowledge", body) for body in ACKNOWLEDGES),
        *(("POST", "/v1/groups/{group}/acquire", body) for body in ACQUIRES),
        ("POST", "/v1/groups/{group}/acquire?as=base64", {"topics": ["{topic}", "{topic}"], "max_records": 2}),
        ("DELETE", "/v1/groups/{group}/members/bob"), ("DELETE", "/v1/groups/{group}/members/ada"),
        ("POST", "/v1/groups/{group}/acquire", {"topics": ["{topic}"]}), ("GET", "/v1/groups/{group}"),
        ("PUT", "/v1/groups/{group}/offsets", {"offsets": [{"topic": "{topic}", "to": "latest"}]}),
        ("POST", "/v1/groups/{group}/acknowledge", {"accept": ["{lock0}"]}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
async def test_both_give_the_same_answers(sides: Sides, script: Sequence[Call]) -> None:
    await compare(sides, script)


@pytest.mark.parametrize(
    "call",
    [
        *(("PUT", "/v1/topics/{none}", {"configs": {name: text}}) for name, text in (
            ("nosuch", "1"), ("retention.ms", "x"), ("retention.ms", "-7"), ("cleanup.policy", "x"),
            ("max.message.bytes", "-1"), ("max.message.bytes", str(2**40)))),
        ("PATCH", "/v1/topics/{topic}", {"configs": {"retention.ms": "x"}}),
        ("PATCH", "/v1/topics/{wide}", {"partitions": 2}),
    ],
)  # fmt: skip
async def test_what_kafka_checks_is_refused_as_the_same_kind_in_kafkas_words(sides: Sides, call: Call) -> None:
    await compare(sides, [call], in_words=False)


DIFFERENCES: dict[str, tuple[Call, tuple[int, str], tuple[int, str]]] = {
    "the timestamp 0": (
        ("POST", "/v1/topics/{topic}/records", {"value": 1, "timestamp": 0}), (200, ""), (422, "INVALID_RECORD")),
    "numbered requests": (
        ("POST", "/v1/topics/{topic}/records", b"x", (("producer-id", "p"), ("producer-seq", "0"))),
        (200, ""), (501, "NOT_ON_CLUSTER")),
    "more partitions than may be": (
        ("PUT", "/v1/topics/{none}", {"partitions": 100_000}), (429, "POLICY_VIOLATION"), (502, "CLUSTER_REFUSED")),
    "configs of Kafka's alone": (
        ("PATCH", "/v1/topics/{topic}", {"configs": {"compression.type": "zstd"}}), (422, "INVALID_CONFIG"), (200, "")),
    "Kafka's own topics": (
        ("PUT", "/v1/topics/__consumer_offsets"), (201, ""), (422, "INVALID_TOPIC_EXCEPTION")),
    "a zero in a group's name": (
        ("PUT", "/v1/groups/a%00b/offsets", {"offsets": [{"topic": "{topic}", "offset": 1}]}),
        (200, ""), (422, "INVALID_GROUP_ID")),
    "a shared group's name that begins with white space": (
        ("POST", "/v1/groups/%20/acquire", {"topics": ["{topic}"]}), (200, ""), (422, "INVALID_GROUP_ID")),
}  # fmt: skip


@pytest.mark.parametrize(("call", "memory", "gateway"), DIFFERENCES.values(), ids=list(DIFFERENCES))
async def test_the_differences_are_these(
    sides: Sides, call: Call, memory: tuple[int, str], gateway: tuple[int, str]
) -> None:
    answers = [await side.ask(*call) for side in sides]
    told = [(answer.status, answer.json().get("code", "")) for answer in answers]
    assert told == [memory, gateway]


async def test_a_stream_that_comes_back_goes_on_behind_the_last_event(sides: Sides) -> None:
    for side in sides:
        streamed: list[str] = []
        last: Headers = ()
        for _ in range(2):
            stream = Client(side.client.app)
            answer = Answer()
            path = f"/v1/topics/{side.known['topic']}/records"
            reading = asyncio.create_task(stream.ask("GET", path, headers=[EVENTS, *last], answer=answer))
            wanted = 1 if last else len(RECORDS)

            async def are_there(answer: Answer = answer, wanted: int = wanted) -> bool:
                return answer.body.count(b"\ndata: ") >= wanted

            await until(are_there)
            stream.gone.set()
            await reading
            events = answer.body.decode()
            streamed += re.findall(r"^data: (.*)$", events, re.MULTILINE)
            last = (("last-event-id", re.findall(r"^id: (.*)$", events, re.MULTILINE)[-1]),)
            await side.ask("POST", "/v1/topics/{topic}/records", {"value": "more"})
        assert [json.loads(data)["offset"] for data in streamed] == list(range(len(RECORDS) + 1))
