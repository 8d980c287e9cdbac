"""Real clients share partitions in a group: they come, leave, crash and freeze, and nothing is lost or left unread.

What they commit is seen over HTTP, where also the records come from.
"""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests

from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, FREE_PORTS, Program

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

    def __init__(self, shop: Shop, library: str, how: str, *instance: str) -> None:
        told = (library, shop.kafka, shop.group, shop.topic, how, *instance)
        self.program = Program(sys.executable, "-m", "tests.compat.group_member", *told)

    @property
    def said(self) -> list[str]:
        """Give what it said that it has, each time."""
        return [line.removeprefix("has ") for line in self.program.out if line.startswith("has ")]

    @property
    def partitions(self) -> set[int]:
        """Give what it said last that it has."""
        return {int(number) for number in self.said[-1].split(",") if number} if self.said else set()

    @property
    def got(self) -> list[tuple[int, int]]:
        """Give partition and offset of each record that it got."""
        lines = [line.split() for line in self.program.out if line.startswith("got ")]
        return [(int(partition), int(offset)) for _, partition, offset in lines]


@contextmanager
def running(*flags: str) -> Iterator[tuple[str, str]]:
    """Run a broker that lets members have short sessions."""
    with Program(BIN / "mini-kafka", *FREE_PORTS, "--config", "group.min.session.timeout.ms=1000", *flags) as program:
        http, kafka = program.line(r"^listening http=(\S+) kafka=(\S+)$").groups()
        yield http, kafka


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    """Run one broker for all tests but those of small groups."""
    with running() as addresses:
        yield addresses


@pytest.fixture
def shop(addresses: tuple[str, str]) -> Shop:
    """Give a topic and a group that nobody else has."""
    return Shop(*addresses)


@pytest.fixture
def start() -> Iterator[Start]:
    """Give a function that starts members, and end them afterwards."""
    with ExitStack() as members:

        def start(shop: Shop, library: str, how: str = "sync", *instance: str) -> Member:
            member = Member(shop, library, how, *instance)
            members.enter_context(member.program)
            return member

        yield start


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
    member = start(shop, library, how)
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
    one = start(shop, library)
    share_all(one)
    two = start(shop, library)
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
    three = start(shop, library)
    share_all(three)
    shop.produce(1)
    wait_until(lambda: shop.all_committed(3), "all is committed")
    saw_all(range(2, 3), three)


@pytest.mark.parametrize("library", LIBRARIES)
def test_when_a_member_crashes_the_other_goes_on_where_it_committed(shop: Shop, start: Start, library: str) -> None:
    one, two = start(shop, library), start(shop, library)
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
    one, two = start(shop, library), start(shop, library)
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


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_static_member_that_starts_anew_has_what_it_had_and_the_others_notice_nothing(
    shop: Shop, start: Start, library: str
) -> None:
    one, two = start(shop, library, "sync", "till-1"), start(shop, library, "sync", "till-2")
    share_all(one, two)
    said, had = one.said, two.partitions
    two.program.signal_group(signal.SIGKILL)
    again = start(shop, library, "sync", "till-2")
    wait_until(lambda: again.partitions == had, "it has its partitions again")
    shop.produce(2)
    wait_until(lambda: shop.all_committed(2), "all is committed")
    saw_all(range(2), one, again)
    assert one.said == said
    assert len(shop.group_over_http()["members"]) == 2


def test_of_two_static_members_with_one_name_the_older_is_fenced_off(shop: Shop, start: Start) -> None:
    older = start(shop, "confluent-kafka", "sync", "till")
    share_all(older)
    newer = start(shop, "confluent-kafka", "sync", "till")
    older.program.line("fenced by other consumer with same group.instance.id")
    share_all(newer)
    shop.produce(1)
    saw_all(range(1), newer)


@pytest.mark.parametrize(
    ("library", "refused"),
    [
        ("confluent-kafka", "^refused GROUP_MAX_SIZE_REACHED$"),
        ("kafka-python", "^refused GroupMaxSizeReachedError$"),
        ("aiokafka", "^refused "),  # which does not know this error's number
    ],
)
def test_a_member_too_many_is_told_so_and_the_others_keep_what_they_have(
    start: Start, library: str, refused: str
) -> None:
    with running("--config", "group.max.size=2") as addresses:
        shop = Shop(*addresses)
        one, two = start(shop, library), start(shop, library)
        share_all(one, two)
        start(shop, library).program.line(refused)
        share_all(one, two)


def test_members_with_different_libraries_share_one_group(shop: Shop, start: Start) -> None:
    members = [start(shop, library) for library in LIBRARIES]
    share_all(*members)
    shop.produce(2)
    wait_until(lambda: shop.all_committed(2), "all is committed")
    saw_all(range(2), *members)
