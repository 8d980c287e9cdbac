"""Locks as words: each comes back as it was, and one that was cut or changed on its way is told from a late one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.engine.port import RecordLock
from mini_kafka.http_api.lock_text import MAX_CHARACTERS, read_lock, write_locks

NUMBERS = st.integers(min_value=0, max_value=2**63 - 1)
LOCKS = st.builds(
    RecordLock,
    topic_id=st.uuids(),
    topic=st.text("abz.019_-AZ", min_size=1, max_size=249),
    partition=st.integers(min_value=0, max_value=9999),
    offset=NUMBERS,
    acquisition=NUMBERS,
)
LOCK = RecordLock(UUID(int=7), "orders", 3, 1_000_000, 77)
[WORD] = write_locks([LOCK])


@given(st.lists(LOCKS, max_size=5))
def test_a_lock_comes_back_as_it_was(locks: list[RecordLock]) -> None:
    assert [read_lock(word) for word in write_locks(locks)] == locks


def test_records_of_one_acquisition_have_words_of_their_own() -> None:
    locks = [LOCK._replace(offset=offset) for offset in range(100)]
    assert len(set(write_locks(locks))) == 100


@pytest.mark.parametrize("at", range(len(WORD)))
def test_a_word_that_was_cut_or_changed_is_no_lock(at: int) -> None:
    other = "0" if WORD[at] != "0" else "1"
    for changed in (WORD[:at], WORD[at + 1 :], WORD[:at] + WORD[at + 1 :], WORD[:at] + other + WORD[at + 1 :]):
        with pytest.raises(ValueError):
            read_lock(changed)


def test_the_longest_topic_has_room_in_a_word() -> None:
    [word] = write_locks([RecordLock(UUID(int=2**128 - 1), "x" * 249, 9999, 2**63 - 1, 2**63 - 1)])
    assert len(word) <= MAX_CHARACTERS


@pytest.mark.parametrize(
    "text", ["", ".", "x" * 500, "é" * 40, WORD.upper(), "-" + WORD, "0" + WORD[WORD.index(".") :]]
)
def test_what_is_no_word_is_no_lock(text: str) -> None:
    with pytest.raises(ValueError):
        read_lock(text)
