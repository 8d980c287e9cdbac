"""Locks as words: each comes back as it was, and one that was cut or changed on its way is told from a late one."""

from collections.abc import Iterable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.engine.port import RecordLock, runs
from mini_kafka.http_api.lock_text import MAX_CHARACTERS, read_lock, write_locks, write_runs

NUMBERS = st.integers(min_value=0, max_value=2**63 - 1)
LOCKS = st.builds(
    RecordLock,
    topic_id=st.uuids(),
    topic=st.text("abz.019_-AZ", min_size=1, max_size=249),
    partition=st.integers(min_value=0, max_value=9999),
    offset=NUMBERS,
    acquisition=NUMBERS,
    records=st.just(1),
)
LOCK = RecordLock(UUID(int=7), "orders", 3, 1_000_000, 77)
[WORD] = write_locks([LOCK])
[RUN] = write_runs(LOCK._replace(offset=1_000_000 + number) for number in range(500))


@given(st.lists(LOCKS, max_size=5))
def test_a_lock_comes_back_as_it_was(locks: list[RecordLock]) -> None:
    assert [read_lock(word) for word in write_locks(locks)] == locks


def singles(runs: Iterable[RecordLock]) -> list[RecordLock]:
    return [run._replace(offset=run.offset + number, records=1) for run in runs for number in range(run.records)]


@given(st.lists(st.builds(RecordLock._replace, LOCKS, records=st.integers(min_value=1, max_value=9)), max_size=4))
def test_the_words_of_runs_stand_for_every_lock_in_its_place(some: list[RecordLock]) -> None:
    assert singles(map(read_lock, write_runs(singles(some)))) == singles(some)
    assert list(map(read_lock, write_runs(some))) == list(runs(some))


def test_a_run_is_one_word_up_to_a_hole_or_another_acquisition() -> None:
    at = [LOCK._replace(offset=offset) for offset in (5, 6, 7, 9)]
    words = write_runs([*at, LOCK._replace(offset=10, acquisition=78), LOCK._replace(offset=11, partition=4)])
    assert [(run.offset, run.records) for run in map(read_lock, words)] == [(5, 3), (9, 1), (10, 1), (11, 1)]


def test_a_run_of_one_record_is_that_records_lock() -> None:
    assert write_runs([LOCK]) == [WORD]


def test_records_of_one_acquisition_have_words_of_their_own() -> None:
    locks = [LOCK._replace(offset=offset) for offset in range(100)]
    assert len(set(write_locks(locks))) == 100


@pytest.mark.parametrize(("word", "at"), [(word, at) for word in (WORD, RUN) for at in range(len(word))])
def test_a_word_that_was_cut_or_changed_is_no_lock(word: str, at: int) -> None:
    other = "0" if word[at] != "0" else "1"
    for changed in (word[:at], word[at + 1 :], word[:at] + word[at + 1 :], word[:at] + other + word[at + 1 :]):
        with pytest.raises(ValueError):
            read_lock(changed)


def test_the_longest_topic_has_room_in_a_word() -> None:
    [word] = write_runs([RecordLock(UUID(int=2**128 - 1), "x" * 249, 9999, 2**62, 2**63 - 1, 2**62)])
    assert len(word) <= MAX_CHARACTERS


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "x" * 500,
        "é" * 40,
        WORD.upper(),
        "-" + WORD,
        "0" + WORD[WORD.index(".") :],
        "2ffd3-1ffe3" + WORD[WORD.index(".") :],
    ],
)
def test_what_is_no_word_is_no_lock(text: str) -> None:
    with pytest.raises(ValueError):
        read_lock(text)
