"""What is measured: durations by bound, requests by kind and status, and how late the loop is."""

import asyncio

import pytest

from mini_kafka.measures import LAG_BOUNDS_S, LAG_INTERVAL_S, Durations, LoopLag, Traffic


def test_a_duration_counts_within_the_first_bound_that_is_not_below_it() -> None:
    durations = Durations((1, 10))
    for seconds in (0.5, 1, 1.5, 10, 10.5):
        durations.observe(seconds)
    assert (durations.counts, durations.total_s) == ([2, 2, 1], 23.5)


def test_a_copy_stays_as_it_was() -> None:
    durations = Durations((1,))
    copied = durations.copy()
    durations.observe(2)
    assert (copied.bounds, copied.counts, copied.total_s) == ((1,), [0, 0], 0)


def test_traffic_counts_each_kind_of_request_by_status() -> None:
    traffic = Traffic("kafka", ("api",))
    for status in (0, 0, 35):
        traffic.count(("Fetch",), status, 0.002)
    traffic.count(("Produce",), 0, 0.002)
    assert {kind: dict(requests.statuses) for kind, requests in traffic.requests.items()} == {
        ("Fetch",): {0: 2, 35: 1},
        ("Produce",): {0: 1},
    }
    assert sum(traffic.requests["Fetch",].durations.counts) == 3


def test_the_lag_is_how_long_after_its_time_a_timer_ran_and_the_next_one_is_arranged() -> None:
    now = 100.0

    async def run() -> None:
        nonlocal now
        lag = LoopLag(lambda: now)
        lag.start()
        now += LAG_INTERVAL_S + 0.03
        lag.due()
        now += LAG_INTERVAL_S
        lag.due()
        now += LAG_INTERVAL_S / 2  # a timer that runs early is not late
        lag.due()
        lag.stop()
        within = dict(zip(LAG_BOUNDS_S, lag.durations.counts, strict=False))
        assert (within[LAG_BOUNDS_S[0]], within[0.05], sum(lag.durations.counts)) == (2, 1, 3)
        assert lag.durations.total_s == pytest.approx(0.03)

    asyncio.run(run())


def test_a_lag_that_was_stopped_leaves_no_timer() -> None:
    async def run() -> None:
        lag = LoopLag()
        lag.stop()
        lag.start()
        timer = lag._timer
        lag.stop()
        assert timer
        assert timer.cancelled()

    asyncio.run(run())
