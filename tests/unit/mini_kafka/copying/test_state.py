"""The state file: whole at every moment, and never taken for that of another topic."""

import os
from pathlib import Path

import pytest

from mini_kafka.copying.errors import CopyFailed
from mini_kafka.copying.offset_map import OffsetMap
from mini_kafka.copying.state import SAVE_EVERY_S, CopyState, default_folder
from mini_kafka_shared.schemas_v1 import TopicDetails
from tests.support.copying import FakeLog, FakeSide

SOURCE, TARGET = FakeSide("a", FakeLog()).describe(), FakeSide("b", FakeLog()).describe()


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    offsets = OffsetMap(3, 0)
    offsets.append([3, 4, 9])
    CopyState(tmp_path / "new" / "folder", SOURCE, TARGET).save([offsets, OffsetMap(0, 0)])

    loaded = CopyState(tmp_path / "new" / "folder", SOURCE, TARGET).load()

    assert loaded is not None
    assert [(each.next_source, each.next_target, each.runs) for each in loaded] == [
        (10, 3, [(3, 0), (9, 2)]),
        (0, 0, []),
    ]


def test_a_topic_that_was_made_again_has_another_file(tmp_path: Path) -> None:
    CopyState(tmp_path, SOURCE, TARGET).save([OffsetMap(1, 1)])
    again = FakeSide("b", FakeLog()).describe()

    assert CopyState(tmp_path, SOURCE, again).load() is None
    assert CopyState(tmp_path, again, TARGET).load() is None


def test_a_run_is_known_to_have_ended_only_when_it_said_so(tmp_path: Path) -> None:
    def may_be_open(target: TopicDetails = TARGET) -> bool:
        state = CopyState(tmp_path, SOURCE, target)
        state.load()
        return state.may_be_open

    assert not may_be_open()
    assert may_be_open(FakeSide("b", FakeLog(high_watermark=1)).describe())
    for ended in (True, False):
        CopyState(tmp_path, SOURCE, TARGET).save([OffsetMap(1, 1)], ended=ended)
        assert may_be_open() is not ended


def test_two_runs_do_not_copy_the_same_topic_at_once(tmp_path: Path) -> None:
    first, second = (CopyState(tmp_path / "new", SOURCE, TARGET) for _ in range(2))

    with first.locked():
        with pytest.raises(CopyFailed, match="another run copies t now: let it come to its end"), second.locked():
            pass
        with CopyState(tmp_path / "new", TARGET, SOURCE).locked():
            pass
    with second.locked():
        pass


def test_a_save_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = CopyState(tmp_path, SOURCE, TARGET)
    state.save([OffsetMap(1, 1)])
    before = state.path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CopyFailed, match="cannot be written: no space left on device; give --state FOLDER"):
        state.save([OffsetMap(2, 2)])

    assert state.path.read_bytes() == before


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    state = CopyState(tmp_path, SOURCE, TARGET)
    state.path.write_text('{"version": 2}')

    with pytest.raises(CopyFailed, match="is no state file of this version"):
        state.load()


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    state = CopyState(tmp_path, SOURCE, TARGET)
    state.path.mkdir()

    with pytest.raises(CopyFailed, match="cannot be read: is a directory; give --state FOLDER"):
        state.load()


def test_saves_take_a_small_part_of_the_time_however_long_one_takes(tmp_path: Path) -> None:
    class Clock:
        now, step = 0.0, 0.0

        def __call__(self) -> float:
            self.now += self.step
            return self.now

    clock = Clock()
    state = CopyState(tmp_path, SOURCE, TARGET, clock)

    def saved(at: float, *, step: float = 0.0) -> bool:
        state.path.unlink(missing_ok=True)
        clock.now, clock.step = at - step, step
        state.save([OffsetMap(1, 1)], at_once=False)
        return state.path.exists()

    assert saved(0.0)
    assert not saved(SAVE_EVERY_S - 0.1)
    assert saved(SAVE_EVERY_S, step=2.0)
    assert not saved(SAVE_EVERY_S + 39)
    assert saved(SAVE_EVERY_S + 43)


@pytest.mark.parametrize(
    ("variable", "folder"), [("/state", "/state/mini-kafka-copy"), ("", "/me/.local/state/mini-kafka-copy")]
)
def test_state_is_kept_where_the_user_s_programs_keep_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, folder: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", variable)
    monkeypatch.setenv("HOME", "/me")

    assert str(default_folder()) == folder
