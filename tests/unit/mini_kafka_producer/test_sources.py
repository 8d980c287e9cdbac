"""Sources: whole lines in order, no more read than needed, and nothing read that is forgotten."""

import itertools
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_kafka_producer.sources import (
    CHUNK_BYTES,
    MAX_LINE_BYTES,
    Bytes,
    FollowedFile,
    Greetings,
    Line,
    LineSplitter,
    Source,
    open_source,
    to_line,
)
from tests.support.growing_file import Steps, append


def values(source: Source) -> list[str]:
    """Take every line that a source has until it ends."""
    taken = []
    while source.ready or source.fill():
        line = source.ready.popleft()
        assert line.fault is None
        taken.append(line.value)
    return taken


def split(*pieces: bytes) -> list[Line]:
    splitter = LineSplitter()
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return [*lines, *splitter.finish()]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"\n", [""]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"\r\n\r\n", ["", ""]),
        (b"a\rb\n", ["a\rb"]),
        (b"a\r\r\n", ["a\r"]),
        (b"a\r", ["a\r"]),
        ("a\x0b\x0c\x1c\x85\u2028b\n".encode(), ["a\x0b\x0c\x1c\x85\u2028b"]),
        ("\ufeffa\n".encode(), ["\ufeffa"]),
        (b"nul\0\n", ["nul\0"]),
    ],
)
def test_a_line_ends_at_newline_or_carriage_return_and_newline_only(data: bytes, lines: list[str]) -> None:
    assert split(data) == [Line(number, value) for number, value in enumerate(lines, 1)]


@given(st.lists(st.text("aé\r\n\0🐳", max_size=5)), st.lists(st.integers(0, 20)))
def test_how_the_bytes_are_cut_into_pieces_does_not_matter(texts: list[str], cuts: list[int]) -> None:
    data = "\n".join(texts).encode()
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]

    assert split(*pieces) == split(data)


def test_a_line_that_is_not_utf_8_has_a_number_and_a_reason() -> None:
    bad, good = split(b"gr\xfcn\n", b"green\n")

    assert bad == Line(1, fault="it is not UTF-8: byte 0xfc at column 3")
    assert good == Line(2, "green")


def test_half_a_character_at_the_end_of_a_line_is_not_utf_8() -> None:
    assert to_line(5, b"\xc3").fault == "it is not UTF-8: byte 0xc3 at column 1"


def test_a_line_that_is_too_long_is_not_kept_and_named() -> None:
    splitter = LineSplitter()
    piece = b"x" * (MAX_LINE_BYTES // 4)
    for _ in range(5):
        assert splitter.feed(piece) == []
    assert splitter.unfinished == b""

    [too_long, good] = splitter.feed(b"y\nshort\n")

    assert too_long == Line(1, fault=f"it has {5 * len(piece) + 1} bytes, more than {MAX_LINE_BYTES}")
    assert good == Line(2, "short")


def test_the_generator_greets_until_it_is_told_to_end() -> None:
    stop = threading.Event()
    source = Greetings(stop)

    assert [source.fill() and source.ready.popleft() for _ in range(2)] == [Line(1, "hello 1"), Line(2, "hello 2")]
    stop.set()
    assert not source.fill()


def test_a_pipe_is_read_to_its_end(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.write(write, b"1\n2\n3")
    os.close(write)

    assert values(Bytes(read, "standard input", threading.Event())) == ["1", "2", "3"]


def test_a_pipe_that_pauses_is_not_at_its_end(pipe: tuple[int, int]) -> None:
    read, write = pipe
    source = Bytes(read, "standard input", threading.Event())

    for text in ("1", "2"):
        os.write(write, f"{text}\n".encode())
        assert source.fill()
        assert source.ready.popleft().value == text


def test_no_more_of_a_pipe_is_read_than_one_piece(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.write(write, b"x\n" * CHUNK_BYTES)
    source = Bytes(read, "standard input", threading.Event())

    assert source.fill()
    assert len(source.ready) == CHUNK_BYTES // 2
    source.ready.popleft()
    assert len(os.read(read, 2 * CHUNK_BYTES)) == CHUNK_BYTES


def test_a_pipe_that_stays_silent_is_left_when_the_producer_is_to_end(pipe: tuple[int, int]) -> None:
    class SetLater(threading.Event):
        """Not set when the reading begins, and set when it looks again."""

        looks = 0

        def is_set(self) -> bool:
            self.looks += 1
            return self.looks > 2

    read, write = pipe
    os.write(write, b"half a li")
    source = Bytes(read, "standard input", SetLater())

    assert not source.fill()
    assert source.unfinished == b"half a li"


def test_nothing_is_read_after_the_stop(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.write(write, b"1\n")
    stop = threading.Event()
    stop.set()

    assert not Bytes(read, "standard input", stop).fill()
    assert os.read(read, 10) == b"1\n"


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"1\r\n2\n\n3")

    assert values(open_source(str(path), follow=False, stop=threading.Event())) == ["1", "2", "", "3"]


def test_a_followed_file_goes_on_at_its_end_and_waits_for_the_line_s(tmp_path: Path) -> None:
    path = tmp_path / "in.log"
    path.write_bytes(b"1\n")
    stop = Steps(lambda: append(path, b"2\n3"), lambda: append(path, b"3"), lambda: append(path, b"3\r\n4"))
    source = FollowedFile(str(path), stop)

    assert values(source) == ["1", "2", "333"]
    assert source.unfinished == b"4"


def test_a_followed_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "in.log"
    stop = Steps(lambda: None, lambda: append(path, b"1\n"))

    assert values(open_source(str(path), follow=True, stop=stop)) == ["1"]


def test_a_rotated_file_is_read_to_its_end_before_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "in.log"
    path.write_bytes(b"1\n")

    def rotate() -> None:
        append(path, b"2\n")
        path.rename(tmp_path / "in.log.1")
        append(path, b"3\n")

    assert values(FollowedFile(str(path), Steps(rotate, lambda: append(path, b"4\n")))) == ["1", "2", "3", "4"]


def test_what_is_written_just_before_a_rotation_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.log"
    path.write_bytes(b"1\n")
    real_stat, calls = os.stat, 0

    def rotate_before_the_look(name: str) -> os.stat_result:  # after the read that found nothing new
        nonlocal calls
        calls += 1
        if calls == 2:
            append(path, b"2\n")
            path.rename(tmp_path / "in.log.1")
            append(path, b"3\n")
        return real_stat(name)

    source = FollowedFile(str(path), Steps(lambda: None))
    monkeypatch.setattr("mini_kafka_producer.sources.os.stat", rotate_before_the_look)

    assert values(source) == ["1", "2", "3"]


def test_a_line_without_its_end_in_a_rotated_file_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "in.log"
    path.write_bytes(b"1\nlast words")

    def rotate() -> None:
        path.rename(tmp_path / "in.log.1")
        append(path, b"2\n")

    assert values(FollowedFile(str(path), Steps(rotate))) == ["1", "last words", "2"]


def test_between_two_files_of_a_rotation_the_old_one_is_still_read(tmp_path: Path) -> None:
    path, old = tmp_path / "in.log", tmp_path / "in.log.1"
    path.write_bytes(b"1\n")
    stop = Steps(lambda: path.rename(old), lambda: append(old, b"2\n"), lambda: append(path, b"3\n"))

    assert values(FollowedFile(str(path), stop)) == ["1", "2", "3"]


def test_a_truncated_file_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "in.log"
    path.write_bytes(b"1\n2\n3\n")

    assert values(FollowedFile(str(path), Steps(lambda: path.write_bytes(b"4\n")))) == ["1", "2", "3", "4"]


def test_line_numbers_go_on_over_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "in.log"
    path.write_bytes(b"1\n2\n")
    source = FollowedFile(str(path), Steps(lambda: path.unlink(), lambda: append(path, b"3\n")))
    numbers = []
    while source.ready or source.fill():
        numbers.append(source.ready.popleft().number)

    assert numbers == [1, 2, 3]


def test_a_followed_file_without_line_ends_does_not_keep_the_producer_from_ending(tmp_path: Path) -> None:
    path = tmp_path / "in.log"
    path.write_bytes(b"x" * 3 * CHUNK_BYTES)
    stop = threading.Event()
    stop.set()

    assert not FollowedFile(str(path), stop).fill()


@pytest.mark.parametrize("follow", [False, True])
def test_a_directory_cannot_be_read(tmp_path: Path, follow: bool) -> None:
    with pytest.raises(IsADirectoryError):
        open_source(str(tmp_path), follow=follow, stop=threading.Event())


def test_a_missing_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_source(str(tmp_path / "missing"), follow=False, stop=threading.Event())


def test_without_a_path_the_generator_is_the_source() -> None:
    assert isinstance(open_source(None, follow=False, stop=threading.Event()), Greetings)


def test_a_dash_is_standard_input() -> None:
    source = open_source("-", follow=False, stop=threading.Event())

    assert isinstance(source, Bytes)
    assert source.name == "standard input"
