"""Many deadlines on one timer: each thing is told once, when its last deadline has come, and one a turn."""

from hypothesis import given
from hypothesis import strategies as st

from mini_kafka.engine.deadlines import SLACK, Deadlines
from tests.support.clock import ManualClock


def test_who_is_due_is_told_once_and_in_order() -> None:
    clock, told = ManualClock(0), list[str]()
    deadlines = Deadlines(clock, told.append)
    for thing, deadline_ms in (("b", 20), ("a", 10), ("c", 30)):
        deadlines.set(thing, deadline_ms)
    assert clock.timers == 1
    clock.advance(9)
    assert told == []
    clock.advance(11)
    assert (told, len(deadlines)) == (["a", "b"], 1)
    clock.advance(1000)
    assert (told, clock.timers) == (["a", "b", "c"], 0)


def test_one_turn_tells_one() -> None:
    clock, told = ManualClock(0), list[str]()
    deadlines = Deadlines(clock, told.append)
    for thing in "abc":
        deadlines.set(thing, 5)
    clock.run_next()
    assert told == ["a"]
    clock.run_next()
    assert told == ["a", "b"]


def test_a_thing_that_sets_itself_again_lets_others_have_their_turn() -> None:
    clock, told = ManualClock(0), list[str]()

    def due(thing: str) -> None:
        told.append(thing)
        if told.count(thing) < 3:
            deadlines.set(thing, clock.now_ms())

    deadlines = Deadlines(clock, due)
    deadlines.set("a", 5)
    deadlines.set("b", 5)
    clock.advance(5)
    assert told == ["a", "b"] * 3


def test_closed_deadlines_tell_nobody() -> None:
    clock, told = ManualClock(0), list[str]()
    deadlines = Deadlines(clock, told.append)
    deadlines.set("a", 5)
    deadlines.close()
    deadlines.set("b", 5)
    clock.advance(100)
    assert (told, clock.timers) == ([], 0)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 50), st.integers(0, 5)), max_size=300))
def test_whatever_is_moved_everybody_is_told_at_the_last_deadline_they_had(
    moves: list[tuple[str, int | None, int]],
) -> None:
    clock, told = ManualClock(0), list[tuple[str, int]]()
    expected = list[tuple[str, int]]()
    known = dict[str, int]()
    deadlines: Deadlines[str] = Deadlines(clock, lambda thing: told.append((thing, clock.now_ms())))
    for thing, ahead, passing in moves:
        if ahead is None:
            known.pop(thing, None)
        else:
            known[thing] = clock.now_ms() + ahead
        deadlines.set(thing, known.get(thing))
        assert len(deadlines._heap) <= 2 * len(known) + SLACK + 1
        clock.advance(passing)
        expected += [(one, due) for one, due in known.items() if due <= clock.now_ms()]
        known = {one: due for one, due in known.items() if due > clock.now_ms()}
    assert sorted(told) == sorted(expected)
    assert len(deadlines) == len(known)
