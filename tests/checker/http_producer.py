"""A producer that speaks `/v1`: records in every form, some of them sent twice, some of them wrong."""

import json
from urllib.parse import urlencode

from tests.checker.history import Payload
from tests.checker.http_clients import Answer, Lost
from tests.checker.http_reader import read_one
from tests.checker.http_world import COMPACTED, KEYS, PARTITIONS, World, look_at_watermarks, value_of


class Producer:
    """Sends records in every form, some of them twice, some of them wrong."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made = 0
        self._sequences = dict.fromkeys(PARTITIONS, 0)

    def step(self) -> None:
        """Send one request; now and then look at what became of it."""
        world = self._world
        topic = world.rng.choice(list(PARTITIONS))
        form = world.rng.choice([self._raw, self._raw, self._json, self._json, self._lines, self._all_lines])
        if world.chance(0.05):
            form = self._wrong
        try:
            form(topic)
            if world.chance(0.1):
                look_at_watermarks(world, topic)
        except Lost:
            return

    def _payloads(self, topic: str, most: int, *, named: bool = False) -> list[Payload]:
        rng = self._world.rng
        payloads = []
        for _ in range(rng.randint(1, most)):
            self._made += 1
            key = f"k{rng.randrange(KEYS)}" if topic in COMPACTED or rng.random() < 0.3 else None
            partition = rng.randrange(PARTITIONS[topic]) if named or rng.random() < 0.7 else None
            payloads.append(Payload(f"{self._world.journal.client}-{self._made}", key, partition))
        return payloads

    def _raw(self, topic: str) -> None:
        [payload] = self._payloads(topic, 1)
        query = {"key": payload.key, "partition": payload.partition}
        parameters = urlencode({name: value for name, value in query.items() if value is not None})
        self._send(topic, [payload], value_of(payload.id).encode(), parameters, "text/plain", safe=True)

    def _json(self, topic: str) -> None:
        payloads = self._payloads(topic, 5)
        records = [_as_json(payload) for payload in payloads]
        if len(records) == 1:
            body: object = records[0]
        else:
            body = records if self._world.chance(0.5) else {"records": records}
        self._send(topic, payloads, json.dumps(body).encode(), "", "application/json", safe=True)

    def _lines(self, topic: str) -> None:
        payloads = self._payloads(topic, 5)
        self._send(topic, payloads, _as_lines(payloads), "ack=each", "application/x-ndjson")

    def _all_lines(self, topic: str) -> None:
        payloads = self._payloads(topic, 5, named=True)
        self._send(topic, payloads, _as_lines(payloads), "ack=all", "application/x-ndjson")

    def _wrong(self, topic: str) -> None:
        """Send good records, and a last one that no partition can take: nothing may be appended."""
        payloads = self._payloads(topic, 3)
        records = [*map(_as_json, payloads), {"value": "nobody", "key": "k0", "partition": 99}]
        facts = {"topic": topic, "payloads": payloads, "once": False}
        pending = self._world.journal.invoke("append", **facts)
        answer = self._post(topic, json.dumps(records).encode(), "", "application/json")
        self._world.expect(answer, 422)
        pending.returned(places=[None] * len(payloads))

    def _send(
        self, topic: str, payloads: list[Payload], body: bytes, parameters: str, kind: str, *, safe: bool = False
    ) -> None:
        """Send records, and again where the answer was lost: always where that is safe, else now and then."""
        world = self._world
        once = safe and world.numbers_requests and world.chance(0.5)
        fields = {}
        if once:
            fields = {"Producer_Id": world.journal.client, "Producer_Seq": str(self._sequences[topic])}
            self._sequences[topic] += 1
        pending = world.journal.invoke("append", topic=topic, payloads=payloads, once=once)
        while True:
            try:
                answer = self._post(topic, body, parameters, kind, **fields)
                break
            except Lost:
                if not once and world.chance(0.5):
                    raise
                world.sleep_ms(10)
                pending.again()
        places = _places(payloads, parameters, answer, world)
        if places is not None:
            pending.returned(places=places)
            if world.chance(0.1):
                read_one(world, topic, *places[-1])

    def _post(self, topic: str, body: bytes, parameters: str, kind: str, **fields: str) -> Answer:
        path = f"/v1/topics/{topic}/records?{parameters}"
        return self._world.ask("POST", path, body, content_type=kind, **fields)


def _as_json(payload: Payload) -> dict[str, object]:
    record = {"value": value_of(payload.id), "key": payload.key, "partition": payload.partition}
    return {name: value for name, value in record.items() if value is not None}


def _as_lines(payloads: list[Payload]) -> bytes:
    return b"".join(json.dumps(_as_json(payload)).encode() + b"\n" for payload in payloads)


def _places(payloads: list[Payload], parameters: str, answer: Answer, world: World) -> list[tuple[int, int]] | None:
    """Read where records came to lie; None where a summary does not say it."""
    if parameters == "ack=each":
        assert answer.status == 200, answer
        lines = list(map(json.loads, answer.body.splitlines()))
        if any("interrupted" in line for line in lines):
            raise Lost
        return [(line["partition"], line["offset"]) for line in lines]
    content = world.expect(answer, 200)
    if parameters != "ack=all":
        return [(place["partition"], place["offset"]) for place in content["records"]]
    following: dict[int, int] = {}
    for part in content["partitions"]:
        if part["last_offset"] - part["first_offset"] + 1 != part["count"]:
            return None  # others were appended in between
        following[part["partition"]] = part["first_offset"]
    places = []
    for payload in payloads:
        assert payload.partition is not None
        places.append((payload.partition, following[payload.partition]))
        following[payload.partition] += 1
    return places
