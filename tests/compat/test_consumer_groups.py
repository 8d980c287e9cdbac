"""Real clients share partitions in a group: they come, leave, crash and freeze, and nothing is lost or left unread.

What they commit is seen over HTTP, where also the records come from.
"""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests

from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, Program

LIBRARIES = ("confluent-kafka", "kafka-python", "aiokafka")
PARTITIONS = 4
Start = Callable[..., "Member"]


class Shop:
    """A broker, and a topic and a group of its own for each test."""

    def __init__(self, http: str, kafka: str) -> None:
        self.kafka = kafka
        self._url = f"http://{http}"
        self.topic = f"orders-{uuid4().hex[:8]}"
        self.group = f"till/{uuid4().hex[:8]}"
        requests.put(f"{self._url}/v1/topics/{self.topic}", json={"partitions": PARTITIONS}, timeout=20)

    def produce(self, count: int) -> None:
        """Produce so many records into each partition."""
        records = [{"value": n, "partition": number} for n in range(count) for number in range(PARTITIONS)]
        answer = requests.post(f"{self._url}/v1/topics/{self.topic}/records", json=records, timeout=20)
        answer.raise_for_status()

    @property
    def group_url(self) -> str:
        return f"{self._url}/v1/groups/{quote(self.group, safe='')}"

    def group_over_http(self) -> dict[str, Any]:
        return dict(requests.get(self.group_url, timeout=20).json())

    def all_committed(self, count: int) -> bool:
        """Tell whether the group stands behind so many records in each partition."""
        partitions = self.group_over_http().get("partitions", [])
        return [one["committed_offset"] for one in partitions] == [count] * PARTITIONS


class Member:
    """A member that runs as a process of its own."""

    def __init__(self, shop: Shop, library: str, how: str) -> None:
        self.program = Program(
            sys.executable, "-m", "tests.compat.group_member", library, shop.kafka, shop.group, shop.topic, how
        )

    @property
    def partitions(self) -> set[int]:
        """Give what it said last that it has."""
        said = [line.removeprefix("has ") for line in self.program.out if line.startswith("has ")]
        return {int(number) for number in said[-1].split(",") if number} if said else set()

    @property
    def got(self) -> list[tuple[int, int]]:
        """Give partition and offset of each record that it got."""
        lines = [line.split() for line in self.program.out if line.startswith("got ")]
        return [(int(partition), int(offset)) for _, partition, offset in lines]


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    """Run one broker for all tests, which lets members have short sessions."""
    with Program(
        BIN / "mini-kafka", "--http-port", "0", "--kafka-port", "0", "--config", "group.min.session.timeout.ms=1000"
    ) as program:
        http, kafka = program.line(r"^listening http=(\S+) kafka=(\S+)$").groups()
        yield http, kafka


@pytest.fixture
def shop(addresses: tuple[str, str]) -> Shop:
    """Give a topic and a group that nobody else has."""
    return Shop(*addresses)


@pytest.fixture
def start(shop: Shop) -> Iterator[Start]:
    """Give a function that starts members, and end them afterwards."""
    members: list[Member] = []

    def start(library: str, how: str = "sync") -> Member:
        members.append(Member(shop, library, how))
        members[-1].program.__enter__()
        return members[-1]

    yield start
    for member in members:
        member.program.__exit__(None, None, None)


def share_all(*members: Member) -> None:
    """Wait until these members have all partitions, each something and none the same."""

    def shared() -> bool:
        parts = [member.partitions for member in members]
        return all(parts) and sum(map(len, parts)) == PARTITIONS and set.union(*parts) == set(range(PARTITIONS))

    wait_until(shared, "all partitions have an owner", seconds=60)


def records(offsets: Iterable[int]) -> set[tuple[int, int]]:
    """Give the places of the records with these offsets, of every partition."""
    return {(number, offset) for number in range(PARTITIONS) for offset in offsets}


def saw_all(offsets: Iterable[int], *members: Member) -> None:
    """Expect that the members got each of these records, and each once."""
    wanted = records(offsets)
    wait_until(lambda: wanted <= {record for member in members for record in member.got}, "all records are read")
    assert sorted(record for member in members for record in member.got) == sorted(wanted)


@pytest.mark.parametrize("how", ["sync", "async", "auto"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_what_a_member_reads_and_commits_is_seen_over_http(shop: Shop, start: Start, library: str, how: str) -> None:
    shop.produce(3)
    member = start(library, how)
    wait_until(lambda: shop.all_committed(3), "all is committed")
    saw_all(range(3), member)
    group = shop.group_over_http()
    assert (group["kind"], group["state"]) == ("classic", "Stable")
    assert [one["lag"] for one in group["partitions"]] == [0] * PARTITIONS
    (shown,) = group["members"]
    assert shown["assignment"] == [{"topic": shop.topic, "partitions": list(range(PARTITIONS))}]
    assert shown["host"] == "127.0.0.1"
    refused = requests.put(
        f"{shop.group_url}/offsets", json={"offsets": [{"topic": shop.topic, "to": "earliest"}]}, timeout=20
    )
    assert refused.status_code == 409
    assert "has Kafka consumers" in refused.json()["detail"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_members_that_come_and_leave_share_out_anew(shop: Shop, start: Start, library: str) -> None:
    one = start(library)
    share_all(one)
    two = start(library)
    share_all(one, two)
    shop.produce(2)
    wait_until(lambda: shop.all_committed(2), "all is committed")
    saw_all(range(2), one, two)
    two.program.signal_group(signal.SIGTERM)
    two.program.line("^left$")
    share_all(one)
    one.program.signal_group(signal.SIGTERM)
    one.program.line("^left$")
    wait_until(lambda: shop.group_over_http()["state"] == "Empty", "the group is empty")
    three = start(library)
    share_all(three)
    shop.produce(1)
    wait_until(lambda: shop.all_committed(3), "all is committed")
    saw_all(range(2, 3), three)


@pytest.mark.parametrize("library", LIBRARIES)
def test_when_a_member_crashes_the_other_goes_on_where_it_committed(shop: Shop, start: Start, library: str) -> None:
    one, two = start(library), start(library)
    share_all(one, two)
    shop.produce(2)
    wait_until(lambda: shop.all_committed(2), "all is committed")
    two.program.signal_group(signal.SIGKILL)
    shop.produce(2)
    share_all(one)
    wait_until(lambda: shop.all_committed(4), "all is committed")
    wait_until(lambda: records(range(2, 4)) <= set(one.got), "the other's records are read")


@pytest.mark.parametrize("library", LIBRARIES)
def test_when_a_member_freezes_the_other_takes_over_and_it_comes_back(shop: Shop, start: Start, library: str) -> None:
    one, two = start(library), start(library)
    share_all(one, two)
    two.program.signal_group(signal.SIGSTOP)
    shop.produce(2)
    share_all(one)
    wait_until(lambda: shop.all_committed(2), "all is committed")
    two.program.signal_group(signal.SIGCONT)
    wait_until(lambda: len(shop.group_over_http()["members"]) == 2, "it is back")
    share_all(one, two)
    shop.produce(1)
    wait_until(lambda: shop.all_committed(3), "all is committed")
    wait_until(lambda: records(range(3)) == set(one.got + two.got), "all records are read")


def test_members_with_different_libraries_share_one_group(shop: Shop, start: Start) -> None:
    members = [start(library) for library in LIBRARIES]
    share_all(*members)
    shop.produce(2)
    wait_until(lambda: shop.all_committed(2), "all is committed")
    saw_all(range(2), *members)
