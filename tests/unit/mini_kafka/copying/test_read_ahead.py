"""Reading ahead: every page, in order, with its error, and no thread that goes on for nobody."""

import threading
from collections.abc import Iterator

import pytest

from mini_kafka.copying.read_ahead import read_ahead


def test_every_page_comes_in_its_order() -> None:
    assert list(read_ahead(iter(range(100)))) == list(range(100))


def test_the_next_page_is_read_while_this_one_is_worked_on() -> None:
    asked = threading.Event()

    def pages() -> Iterator[int]:
        yield 1
        asked.set()
        yield 2

    ahead = read_ahead(pages())
    next(ahead)

    assert asked.wait(timeout=10)


def test_an_error_is_raised_where_the_pages_are_wanted_after_those_before_it() -> None:
    def pages() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    ahead = read_ahead(pages())

    assert next(ahead) == 1
    with pytest.raises(ValueError, match="no more"):
        next(ahead)


def test_pages_that_nobody_wants_any_more_are_not_read() -> None:
    ended = threading.Event()

    def pages() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            ended.set()

    source = pages()
    ahead = read_ahead(source)
    next(ahead)
    ahead.close()  # type: ignore[attr-defined]
    del source

    assert ended.wait(timeout=10)
