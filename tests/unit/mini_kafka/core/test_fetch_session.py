"""How sessions begin, go on and end (KIP-227). What Kafka answers to the same requests is in tests/compat."""

from collections.abc import Iterable
from itertools import count

import pytest

from mini_kafka.core.fetch_session import (
    EVICTION_MS,
    FINAL_EPOCH,
    INITIAL_EPOCH,
    MAX_EPOCH,
    NO_SESSION,
    FetchPartition,
    FetchSessions,
    Opened,
    SessionRefusal,
)


def new_sessions(max_sessions: int = 1000) -> FetchSessions:
    ids = count(1)
    return FetchSessions(lambda: next(ids), max_sessions)


@pytest.fixture
def sessions() -> FetchSessions:
    return new_sessions()


def part(partition: int, offset: int = 0) -> FetchPartition:
    return FetchPartition("orders", partition, offset, 1000)


def ask(
    sessions: FetchSessions, session_id: int, epoch: int, *wanted: FetchPartition, forget: Iterable[int] = (),
    by_id: bool = False, now_ms: int = 0,
) -> Opened | SessionRefusal:  # fmt: skip
    forgotten = [("orders", partition) for partition in forget]
    return sessions.open(session_id, epoch, wanted, forgotten, by_id=by_id, now_ms=now_ms)


def opened(answer: Opened | SessionRefusal) -> Opened:
    assert isinstance(answer, Opened)
    return answer


def places(answer: Opened | SessionRefusal) -> list[tuple[int, int]]:
    return [(it.partition, it.fetch_offset) for it in opened(answer).partitions]


def test_a_session_remembers_what_is_read_and_takes_changes(sessions: FetchSessions) -> None:
    session_id = opened(ask(sessions, 0, INITIAL_EPOCH, part(0), part(1))).session_id
    assert session_id != NO_SESSION
    assert places(ask(sessions, session_id, 1)) == [(0, 0), (1, 0)]
    assert places(ask(sessions, session_id, 2, part(1, 7), part(2))) == [(0, 0), (1, 7), (2, 0)]
    assert places(ask(sessions, session_id, 3, forget=[0])) == [(1, 7), (2, 0)]


def test_the_first_answer_has_everything_and_later_ones_only_news(sessions: FetchSessions) -> None:
    first = opened(ask(sessions, 0, INITIAL_EPOCH, part(0)))
    assert not first.is_incremental
    assert first.partitions[0].is_news(5, 0, must_be_said=False)
    for epoch, (high_watermark, start, must_be_said, news) in enumerate(
        [(5, 0, False, False), (6, 0, False, True), (6, 0, False, False), (6, 1, False, True), (6, 1, True, True)], 1
    ):
        answer = opened(ask(sessions, first.session_id, epoch, *([part(0, epoch)] if epoch == 2 else [])))
        assert answer.is_incremental
        assert answer.partitions[0].is_news(high_watermark, start, must_be_said=must_be_said) is news


def test_partitions_that_gave_records_go_behind_the_others(sessions: FetchSessions) -> None:
    session_id = opened(ask(sessions, 0, INITIAL_EPOCH, part(0), part(1), part(2))).session_id
    answer = opened(ask(sessions, session_id, 1))
    sessions.gave_records(session_id, answer.partitions[:2])
    assert places(ask(sessions, session_id, 2)) == [(2, 0), (0, 0), (1, 0)]


def test_each_request_counts_the_epoch_up_and_no_other_one_is_taken(sessions: FetchSessions) -> None:
    session_id = opened(ask(sessions, 0, INITIAL_EPOCH, part(0))).session_id
    assert ask(sessions, session_id, 2) is SessionRefusal.WRONG_EPOCH
    assert places(ask(sessions, session_id, 1)) == [(0, 0)]
    assert ask(sessions, session_id, 1) is SessionRefusal.WRONG_EPOCH


def test_after_the_largest_epoch_comes_one(sessions: FetchSessions) -> None:
    session_id = opened(ask(sessions, 0, INITIAL_EPOCH, part(0))).session_id
    sessions._sessions[session_id].epoch = MAX_EPOCH
    assert places(ask(sessions, session_id, MAX_EPOCH))
    assert places(ask(sessions, session_id, 1))


def test_a_session_by_name_is_none_by_id(sessions: FetchSessions) -> None:
    session_id = opened(ask(sessions, 0, INITIAL_EPOCH, part(0))).session_id
    assert ask(sessions, session_id, 1, by_id=True) is SessionRefusal.OTHER_KIND_OF_TOPIC


def test_a_session_ends_when_it_is_closed_replaced_or_empty(sessions: FetchSessions) -> None:
    for ending in ({"epoch": FINAL_EPOCH}, {"epoch": INITIAL_EPOCH}, {"epoch": 1, "forget": [0]}):
        session_id = opened(ask(sessions, 0, INITIAL_EPOCH, part(0))).session_id
        ask(sessions, session_id, ending["epoch"], forget=ending.get("forget", ()))  # type: ignore[arg-type]
        assert ask(sessions, session_id, 1) is SessionRefusal.UNKNOWN_SESSION


def test_without_a_session_everything_is_asked_each_time(sessions: FetchSessions) -> None:
    answer = opened(ask(sessions, 0, FINAL_EPOCH, part(0), part(0, 5)))
    assert (answer.session_id, answer.is_incremental) == (NO_SESSION, False)
    assert places(answer) == [(0, 5)]
    assert len(sessions) == 0


def test_a_full_house_serves_without_a_session_until_one_was_idle_for_long() -> None:
    sessions = new_sessions(max_sessions=2)
    older = opened(ask(sessions, 0, INITIAL_EPOCH, part(0), now_ms=0)).session_id
    newer = opened(ask(sessions, 0, INITIAL_EPOCH, part(0), now_ms=1)).session_id
    assert opened(ask(sessions, older, 1, now_ms=2)).is_incremental
    assert opened(ask(sessions, 0, INITIAL_EPOCH, part(0), now_ms=EVICTION_MS)).session_id == NO_SESSION
    assert opened(ask(sessions, 0, INITIAL_EPOCH, part(0), now_ms=EVICTION_MS + 1)).session_id != NO_SESSION
    assert ask(sessions, newer, 1) is SessionRefusal.UNKNOWN_SESSION
    assert opened(ask(sessions, older, 2)).is_incremental


def test_sessions_keep_only_so_many_partitions() -> None:
    ids = count(1)
    sessions = FetchSessions(lambda: next(ids), max_kept_partitions=3)
    session_id = opened(ask(sessions, 0, INITIAL_EPOCH, part(0), part(1))).session_id
    assert opened(ask(sessions, 0, INITIAL_EPOCH, part(0), part(1))).session_id == NO_SESSION
    assert places(ask(sessions, session_id, 1, part(2)))
    assert ask(sessions, session_id, 2, part(3)) is SessionRefusal.UNKNOWN_SESSION
    assert opened(ask(sessions, 0, INITIAL_EPOCH, part(0), part(1), part(2))).session_id != NO_SESSION


def test_an_id_that_is_taken_or_none_is_drawn_again() -> None:
    ids = iter([0, 5, 5, 0, 6])
    sessions = FetchSessions(lambda: next(ids))
    drawn = [opened(ask(sessions, 0, INITIAL_EPOCH, part(0))).session_id for _ in range(2)]
    assert drawn == [5, 6]
