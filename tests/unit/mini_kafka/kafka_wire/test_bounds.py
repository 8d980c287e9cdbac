"""What requests and unread answers of all connections hold together, and who has to wait for whom."""

from mini_kafka.kafka_wire.bounds import NO_LIMIT, AnswerMemory, RequestMemory, WireLimits


class Connection:
    """Stands in for a connection: remembers whether it was told to read on."""

    def __init__(self) -> None:
        self.told = 0
        self.reasons: list[str] = []

    def read_on(self) -> None:
        self.told += 1

    def cut_off(self, reason: str) -> None:
        self.reasons.append(reason)


def connections(count: int) -> list[Connection]:
    return [Connection() for _ in range(count)]


def test_below_the_limit_everybody_is_read() -> None:
    memory = RequestMemory(100)
    for one in connections(4):
        memory.note(one, 25, 1000)
        assert memory.may_read(one)


def test_over_the_limit_one_in_the_middle_of_a_request_is_read_in_any_case_and_others_rest() -> None:
    memory = RequestMemory(100)
    first, second, third = connections(3)
    memory.note(first, 90, 10)
    memory.note(second, 20, 1000)
    assert memory.may_read(second)  # or nobody could ever finish
    memory.note(third, 20, 10)
    assert not memory.may_read(third)
    assert memory.may_read(first)  # it may finish what it has begun, until it brings more


def test_whose_request_is_whole_or_who_has_none_is_never_held_back() -> None:
    memory = RequestMemory(100)
    large, small = connections(2)
    memory.note(large, 150, 1)
    memory.note(small, 20, 0)
    assert memory.may_read(small)


def test_those_that_lack_the_least_have_their_turn_first() -> None:
    memory = RequestMemory(100)
    reading, much, little = connections(3)
    memory.note(reading, 110, 50)
    memory.note(much, 20, 80)
    memory.note(little, 20, 8)
    memory.note(reading, 130, 0)
    assert (little.told, much.told) == (1, 0)
    memory.note(little, 28, 0)
    assert much.told == 1


def test_as_many_are_read_as_fit_when_their_requests_are_whole() -> None:
    memory = RequestMemory(100)
    holder, *resting = connections(5)
    memory.note(holder, 120, 1)
    for one in resting:
        memory.note(one, 10, 20)
    assert [one.told for one in resting] == [0, 0, 0, 0]
    memory.leave(holder)
    assert [one.told for one in resting] == [1, 1, 1, 0]  # 40 are held, and three times 20 are promised


def test_a_turn_lasts_until_the_request_is_whole() -> None:
    memory = RequestMemory(100)
    one, other = connections(2)
    memory.note(one, 110, 50)
    memory.note(other, 10, 10)
    memory.note(one, 140, 20)
    assert memory.may_read(one)
    assert not memory.may_read(other)


def test_somebody_whose_turn_it_is_and_who_sends_nothing_does_not_hold_up_the_rest_for_ever() -> None:
    memory = RequestMemory(100)
    silent, other = connections(2)
    memory.note(silent, 110, 1)
    memory.note(other, 10, 50)
    assert not memory.may_read(other)
    memory.give_another_turn()
    assert memory.may_read(other)
    memory.give_another_turn()  # where nobody waits, it does nothing


def test_a_connection_that_ends_gives_its_memory_and_its_turn_back() -> None:
    memory = RequestMemory(100)
    reading, resting, other = connections(3)
    memory.note(reading, 110, 90)
    memory.note(resting, 10, 5)
    memory.note(other, 10, 6)
    memory.leave(resting)
    memory.leave(reading)
    assert (resting.told, other.told) == (0, 1)
    memory.leave(other)
    assert memory.held == 0


def test_over_twice_the_limit_the_largest_request_on_its_way_ends_its_connection_and_no_other() -> None:
    memory = RequestMemory(100)
    in_work, largest, late = connections(3)
    memory.note(in_work, 90, 0)
    memory.note(largest, 60, 5)
    memory.note(late, 51, 10)
    assert largest.reasons == [
        "requests on their way hold 201 bytes, over twice queued.max.request.bytes (100), and 60 of them are the"
        " largest one's"
    ]
    assert (in_work.reasons, late.reasons, memory.held) == ([], [], 141)
    assert late.told == 1  # the turn that is free now
    memory.leave(largest)  # when its connection is lost, too
    assert memory.held == 141


def test_what_is_in_work_is_not_cut_off() -> None:
    memory = RequestMemory(100)
    (one,) = connections(1)
    memory.note(one, 150, 150)
    memory.note(one, 300, 0)
    assert one.reasons == []


def test_without_a_limit_nobody_rests() -> None:
    memory = RequestMemory(NO_LIMIT)
    (one,) = connections(1)
    memory.note(one, 2**40, 1)
    assert memory.may_read(one)


def test_a_fetch_gives_less_the_more_is_unread_and_at_the_limit_one_batch() -> None:
    answers = AnswerMemory(WireLimits(fetch_bytes=50, unread_bytes=100))
    assert answers.fetch_bytes == 50
    answers.note("slow", 80)
    assert answers.fetch_bytes == 20
    answers.note("slower", 80)
    assert answers.fetch_bytes == 1  # a first batch is given whatever its size
    answers.note("slow", 0)
    answers.note("slower", 10)
    assert answers.fetch_bytes == 50
