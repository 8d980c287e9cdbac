"""Connections are counted in and out, in all and by address, and past the limit there is a small reserve."""

from mini_kafka.connection_limit import RESERVE, Admission, ConnectionLimit

SERVED, IN_RESERVE, CLOSED = Admission.SERVED, Admission.RESERVE, Admission.CLOSED


def test_connections_are_served_up_to_the_limit_then_let_into_the_reserve_then_closed() -> None:
    limit = ConnectionLimit(3)
    found = [limit.admit("a") for _ in range(3 + RESERVE + 2)]
    assert found == [SERVED] * 3 + [IN_RESERVE] * RESERVE + [CLOSED] * 2


def test_a_connection_that_ends_makes_room_where_it_was() -> None:
    limit = ConnectionLimit(1)
    served, *reserve, closed = [limit.admit("a") for _ in range(2 + RESERVE)]
    limit.leave("a", closed)
    assert limit.admit("a") is CLOSED
    limit.leave("a", reserve[0])
    assert limit.admit("a") is IN_RESERVE
    limit.leave("a", served)
    assert limit.admit("a") is SERVED
    assert (limit.served, limit.in_reserve) == (1, RESERVE)


def test_an_address_has_a_limit_of_its_own_only_where_there_is_one() -> None:
    free = ConnectionLimit(100)
    assert [free.admit("a") for _ in range(100)] == [SERVED] * 100
    assert not free.is_full_for("a")
    limit = ConnectionLimit(100, per_address=2)
    assert [limit.admit(address) for address in "aaab"] == [SERVED, SERVED, IN_RESERVE, SERVED]
    assert [limit.is_full_for(address) for address in "abc"] == [True, False, False]
    limit.leave("a", SERVED)
    assert limit.admit("a") is SERVED


def test_addresses_that_are_gone_are_not_remembered() -> None:
    limit = ConnectionLimit(10, per_address=1)
    for number in range(1000):
        limit.leave(str(number), limit.admit(str(number)))
    assert len(limit._by_address) == 0
