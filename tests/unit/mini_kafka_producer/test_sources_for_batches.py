"""Sources that are asked for several lines at once: no longer waited for than it is said, and how far they are."""

import os
import select
import threading
from pathlib import Path
from typing import Any

import pytest

from mini_kafka_producer.sources import CHUNK_BYTES, Bytes, FollowedFile, Greetings, open_source
from tests.support.growing_file import Steps, append


def test_more_lines_are_read_only_as_long_as_there_are_too_few(pipe: tuple[int, int]) -> None:
    read, write = pipe
    source = Bytes(read, "standard input", threading.Event())
    os.write(write, b"x\n" * CHUNK_BYTES)

    assert source.fill(CHUNK_BYTES // 2 + 1)
    assert len(source.ready) == CHUNK_BYTES
    os.write(write, b"later\n")
    assert source.fill(3)
    assert len(source.ready) == CHUNK_BYTES


def test_without_time_to_wait_what_is_there_is_read_and_no_more(pipe: tuple[int, int]) -> None:
    read, write = pipe
    source = Bytes(read, "standard input", threading.Event())

    assert not source.fill(2, wait_s=0)
    os.write(write, b"1\n2")
    assert source.fill(2, wait_s=0)
    assert [line.value for line in source.ready] == ["1"]


def test_a_long_line_that_is_there_is_read_whole_without_time_to_wait(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"1\n" + b"x" * 3 * CHUNK_BYTES + b"\n")
    source = open_source(str(path), follow=False, stop=threading.Event())

    assert source.fill(2, wait_s=0)
    assert len(source.ready) == 2


def test_a_wait_that_is_longer_than_it_takes_ends_with_the_lines(pipe: tuple[int, int]) -> None:
    read, write = pipe
    source = Bytes(read, "standard input", threading.Event())
    writer = threading.Timer(0, os.write, (write, b"1\n2\n"))
    writer.start()

    assert source.fill(2, wait_s=600)
    assert len(source.ready) == 2
    writer.join()


def test_a_wait_is_not_over_when_a_signal_is_looked_for(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = pipe
    really_select, looks = select.select, 0

    def look(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks < 5:
            return [], [], []
        os.write(write, b"1\n")
        return really_select(*arguments)

    monkeypatch.setattr("mini_kafka_producer.sources.select.select", look)

    assert Bytes(read, "standard input", threading.Event()).fill(wait_s=600)


def test_a_followed_file_is_waited_for_only_as_long_as_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "in.log"
    path.write_bytes(b"1\n")
    source = FollowedFile(str(path), Steps(lambda: append(path, b"2\n"), lambda: append(path, b"3\n")))

    assert source.fill(3, wait_s=0)
    assert len(source.ready) == 1
    assert source.fill(3, wait_s=600)
    assert len(source.ready) == 3


def test_the_generator_makes_as_many_as_it_is_asked_for() -> None:
    source = Greetings(threading.Event())

    assert source.fill(3, wait_s=0)
    assert [line.value for line in source.ready] == ["hello 1", "hello 2", "hello 3"]


def test_a_file_knows_its_size_and_how_far_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"1\n" * CHUNK_BYTES)
    source = open_source(str(path), follow=False, stop=threading.Event())

    assert (source.size, source.position) == (2 * CHUNK_BYTES, 0)
    source.fill()
    assert source.position == CHUNK_BYTES


def test_a_file_that_is_open_knows_what_is_left_of_it(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"1\n2\n3\n")
    with path.open("rb") as file:
        os.lseek(file.fileno(), 2, os.SEEK_SET)

        assert Bytes(file.fileno(), "standard input", threading.Event()).size == 4


def test_what_has_no_end_has_no_size(pipe: tuple[int, int], tmp_path: Path) -> None:
    stop = threading.Event()
    (tmp_path / "in.log").touch()

    assert Bytes(pipe[0], "standard input", stop).size is None
    assert Greetings(stop).size is None
    assert FollowedFile(str(tmp_path / "in.log"), stop).size is None
