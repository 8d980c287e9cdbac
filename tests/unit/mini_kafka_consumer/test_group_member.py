"""A member of a group: what is handled is accepted, and what is not comes back."""

import json
from collections.abc import Callable

import pytest

from mini_kafka.core.in_flight_ranges import State
from mini_kafka_consumer.group_member import retry_delay_ms, to_message
from mini_kafka_shared.logging_setup import OutputLost
from mini_kafka_shared.retry import GraceOver
from mini_kafka_shared.schemas import Message
from mini_kafka_shared.schemas_v1 import AcquiredRecord, AcquireRequest
from tests.support.group_broker import MAX_DELIVERIES, Run, fail_at

MakeRun = Callable[..., Run]


def test_what_is_handled_is_shown_written_and_accepted(make_run: MakeRun) -> None:
    run = make_run("a", "b", "c")

    assert run() == 0
    assert run.said == ["c got  a", "c got  b", "c got  c"]
    assert [json.loads(line)["offset"] for line in run.written] == [0, 1, 2]
    assert run.broker.share.committed_offset == 3


def test_a_member_holds_no_more_than_max_poll_records(make_run: MakeRun) -> None:
    run = make_run(*"abcde", max_poll_records=2)
    run.during = lambda _: held.append(run.count(State.ACQUIRED))
    held: list[int] = []

    assert run() == 0
    assert run.handled == list("abcde")
    assert max(held) == 2


def test_two_members_of_one_name_are_two(make_run: MakeRun) -> None:
    runs = [make_run("a"), make_run("a"), make_run("a", consumer_id=None)]
    for run in runs:
        run()

    assert len({member for run in runs for member in run.broker.members}) == 3
    assert runs[0].said == runs[1].said == ["c got  a"]
    assert runs[2].said[0].startswith("consumer-")


def test_the_longest_name_leaves_room_for_what_makes_it_unique(make_run: MakeRun) -> None:
    run = make_run("a", consumer_id="c" * 249)

    assert run() == 0
    [member] = run.broker.members
    assert AcquireRequest(topics=["t"], member=member).member == member


def test_max_messages_ends_the_run_and_nothing_else_was_acquired(make_run: MakeRun) -> None:
    run = make_run(*"abcde", max_messages=3, max_poll_records=2)

    assert run() == 0
    assert run.handled == ["a", "b", "c"]
    assert run.broker.share.next_offset == run.broker.share.committed_offset == 3


def test_max_messages_does_not_count_what_failed(make_run: MakeRun) -> None:
    run = make_run(*"abc", max_messages=2)
    run.during = fail_at("a")

    assert run() == 0
    assert run.handled == ["b", "c"]
    assert run.count(State.ACQUIRED) == 0


def test_a_record_whose_handling_fails_comes_back_later_each_time_and_is_given_up_in_the_end(
    make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run("bad", "good", retry_backoff_ms=100)
    run.during = fail_at("bad")

    assert run() == 0
    assert run.handled == ["good"]
    assert run.count(State.CONDEMNED) == 1, "the broker writes it to the dead-letter topic"
    delays = [each.delay_ms for wish in run.broker.wishes for each in wish.release if not isinstance(each, str)]
    assert delays == [100, 200, 400, 800, 1600]
    failures = [text for text in caplog.messages if text.startswith("t@0: the handler failed at delivery")]
    assert len(failures) == MAX_DELIVERIES
    assert failures[0].endswith("delivery 1, and it is tried again later: ValueError: cannot do this")
    assert caplog.messages[-1] == "c got 1 message; the handler failed 5 times"


@pytest.mark.parametrize(("level", "tracebacks"), [("INFO", 0), ("DEBUG", MAX_DELIVERIES)])
def test_the_traceback_of_a_handler_is_for_whoever_debugs_it(
    make_run: MakeRun, caplog: pytest.LogCaptureFixture, level: str, tracebacks: int
) -> None:
    caplog.set_level(level)
    run = make_run("bad")
    run.during = fail_at("bad")
    run()

    assert len([record for record in caplog.records if record.exc_info]) == tracebacks


def test_a_retry_waits_twice_as_long_each_time_and_never_over_an_hour() -> None:
    assert [retry_delay_ms(1000, count) for count in (1, 2, 3)] == [1000, 2000, 4000]
    assert retry_delay_ms(1000, 1_000_000) == 3_600_000
    assert retry_delay_ms(0, 3) == 0


@pytest.mark.parametrize(("lock_ms", "work_s"), [(2000, 0.9), (800, 0.3)])
def test_locks_are_renewed_while_a_slow_handler_works(make_run: MakeRun, lock_ms: int, work_s: float) -> None:
    run = make_run(*"abcdefgh", lock_ms=lock_ms)
    run.during = lambda _: run.stop.wait(work_s)

    assert run() == 0
    assert run.handled == list("abcdefgh")
    assert not [lock for wish in run.broker.wishes for lock in wish.renew if lock.startswith("0:")], "it is done"
    assert run.broker.share.committed_offset == 8


def test_a_batch_that_is_handled_fast_is_one_acquire_and_one_acknowledgement(make_run: MakeRun) -> None:
    run = make_run(*"abcdef", max_poll_records=3)
    run.stop.now = 1000.0

    assert run() == 0
    assert run.broker.calls == ["acquire", "acknowledge", "acquire", "acknowledge", "acquire"]


def test_a_killed_member_would_repeat_a_second_s_work_and_the_record_in_hand(make_run: MakeRun) -> None:
    run = make_run(*"abcdefgh")
    unsaid: list[int] = []

    def during(_value: str) -> None:
        unsaid.append(len(run.handled) - run.broker.share.committed_offset)
        run.stop.wait(0.6)

    run.during = during

    assert run() == 0
    assert max(unsaid) == 1


def test_a_record_whose_lock_ran_out_meanwhile_is_left_to_whoever_has_it_now(
    make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run("slow", "b", "c", lock_ms=2000)
    other: list[AcquiredRecord] = []

    def during(value: str) -> None:
        if value == "slow" and not other:
            run.stop.wait(3.0)
            other.extend(run.broker.take(10, 60_000, "other"))

    run.during = during

    assert run() == 0
    assert run.handled == ["slow"]
    assert [record.value for record in other] == ["slow", "b", "c"]
    assert run.count(State.ACQUIRED) == 3, "the other's locks are untouched"
    assert any("1 of 1 handled records had lost their locks" in message for message in caplog.messages)


@pytest.mark.parametrize(("at_most_once", "times"), [(False, MAX_DELIVERIES), (True, 1)])
def test_what_waits_behind_a_record_that_outlasts_its_lock_is_not_given_up_for_it(
    make_run: MakeRun, at_most_once: bool, times: int
) -> None:
    run = make_run("slow", *"bcdefghij", lock_ms=2000, at_most_once=at_most_once)
    run.during = lambda value: run.stop.wait(3.0) if value == "slow" else None

    assert run() == 0
    assert run.handled == ["slow"] * times + list("bcdefghij")
    assert run.count(State.CONDEMNED) == (0 if at_most_once else 1), "the slow one alone"


def test_a_handler_that_always_outlasts_its_lock_still_gets_every_record(make_run: MakeRun) -> None:
    run = make_run(*"abcdefghij", lock_ms=2000, at_most_once=True)
    run.during = lambda _: run.stop.wait(3.0)

    assert run() == 0
    assert run.handled == list("abcdefghij")


def test_a_signal_gives_back_at_once_what_is_not_handled(make_run: MakeRun) -> None:
    run = make_run(*"abcde")
    run.during = lambda value: run.stop.set() if value == "b" else None

    assert run() == 0
    assert run.handled == ["a", "b"]
    assert run.broker.share.committed_offset == 2
    assert run.count(State.AVAILABLE) == 3


def test_records_that_came_with_a_signal_are_given_back(make_run: MakeRun) -> None:
    run = make_run("a")
    take = run.broker.take

    def take_while_a_signal_comes(max_records: int, lock_ms: int, member: str) -> list[AcquiredRecord]:
        run.stop.set()
        return take(max_records, lock_ms, member)

    run.broker.take = take_while_a_signal_comes  # type: ignore[method-assign]

    assert run() == 0
    assert run.handled == []
    assert run.count(State.AVAILABLE) == 1


def test_a_handler_that_is_cut_short_after_a_signal_gives_its_record_back_in_a_hurry(make_run: MakeRun) -> None:
    run = make_run("a", "b", "c")

    def during(value: str) -> None:
        if value == "b":
            raise GraceOver

    run.during = during

    assert run() == 0
    assert run.broker.hurried
    assert run.broker.share.committed_offset == 1
    assert run.count(State.AVAILABLE) == 2


@pytest.mark.parametrize("error", [BrokenPipeError(), OutputLost("the output cannot be written")])
def test_what_cannot_be_shown_is_given_back(make_run: MakeRun, error: OSError) -> None:
    run = make_run("a", "b")

    def say(_line: str) -> None:
        raise error

    run.runner._say = say

    with pytest.raises(type(error)):
        run()
    assert run.broker.share.committed_offset == 0
    assert run.count(State.AVAILABLE) == 2


def test_what_cannot_be_written_is_given_back_and_ends_the_run(
    make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run("a", "b", output="out.ndjson")

    def write(_line: str) -> None:
        raise OSError(28, "No space left on device")

    run.runner._write = write

    assert run() == 1
    assert run.said == []
    assert run.count(State.AVAILABLE) == 2
    assert "t@0 cannot be written to out.ndjson: no space left on device" in caplog.messages


def test_idleness_ends_the_run_when_asked_to(make_run: MakeRun) -> None:
    run = make_run("a", exit_on_idle=2.5)
    run.broker.at_end = lambda: None

    assert run() == 0
    assert run.handled == ["a"]
    assert run.stop.now == 2.5


def test_idleness_begins_when_the_work_ends(make_run: MakeRun) -> None:
    run = make_run("slow", exit_on_idle=2.5)
    run.during = lambda _: run.stop.wait(10.0)
    run.broker.at_end = lambda: None

    assert run() == 0
    assert run.stop.now == 12.5


def test_exit_on_idle_0_takes_what_is_there_and_ends(make_run: MakeRun) -> None:
    run = make_run("a", "b", exit_on_idle=0, max_poll_records=1)

    assert run() == 0
    assert run.handled == ["a", "b"]
    assert run.stop.now == 0.0


def acquired(**fields: object) -> AcquiredRecord:
    return AcquiredRecord.model_validate(
        {"topic": "t", "partition": 1, "offset": 2, "delivery_count": 1, "lock": "0:1", **fields}
    )


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (acquired(value="v", key="k"), Message(topic="t", offset=2, value="v", key="k", partition=1)),
        (acquired(value=None, key="k"), Message(topic="t", offset=2, value="", key="k", partition=1)),
        (
            acquired(value_base64="/w==", key_base64="/w=="),
            Message(topic="t", offset=2, value="�", key="�", partition=1),
        ),
        (acquired(decode_error="is damaged"), None),
    ],
)
def test_a_record_becomes_the_message_that_consume_would_give(record: AcquiredRecord, message: Message | None) -> None:
    assert to_message(record) == message


def test_a_record_that_the_broker_cannot_read_is_rejected(make_run: MakeRun, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run("a", "b")
    take = run.broker.take

    def take_damaged(max_records: int, lock_ms: int, member: str) -> list[AcquiredRecord]:
        records = take(max_records, lock_ms, member)
        update = {"value": None, "decode_error": "the batch is damaged"}
        return [record.model_copy(update=update) if record.offset == 0 else record for record in records]

    run.broker.take = take_damaged  # type: ignore[method-assign]

    assert run() == 0
    assert run.handled == ["b"]
    assert run.count(State.CONDEMNED) == 1
    assert "t@0 cannot be read, and is given up: the batch is damaged" in caplog.messages


def test_a_message_that_failed_is_news_too(make_run: MakeRun) -> None:
    run = make_run("bad", exit_on_idle=2.5, retry_backoff_ms=200)
    run.during = fail_at("bad")
    run.broker.at_end = lambda: None

    assert run() == 0
    assert run.count(State.CONDEMNED) == 1
    assert run.stop.now >= 0.2 + 0.4 + 0.8 + 1.6 + 2.5


def test_a_poll_takes_no_more_than_a_quarter_of_a_lock_s_time(make_run: MakeRun) -> None:
    run = make_run(lock_ms=400)
    run()

    assert run.stop.now == 0.1
