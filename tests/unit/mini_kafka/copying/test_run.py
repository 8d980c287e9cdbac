"""A whole run over two sides: what it says, what it leaves, and the exit code."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from mini_kafka.copying.progress_report import ProgressReport
from mini_kafka.copying.records import CopiedRecord
from mini_kafka.copying.run import DIFFERS, DONE, NOT_DONE, STOPPED, Run
from mini_kafka.copying.settings import CopySettings
from mini_kafka.copying.sides import Side
from mini_kafka.copying.state import CopyState
from mini_kafka_shared.client import Refused
from mini_kafka_shared.retry import Stopped
from tests.support.copying import TOPIC, FakeLog, FakeSide, Killed, record


class Copying:
    """Two sides and a folder for state."""

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        self.source = FakeSide("a", FakeLog(map(record, range(5, 10)), log_start=5), FakeLog())
        self.target = FakeSide("b")
        self.said: list[str] = []
        self._folder, self._log = folder, caplog
        self._epoch = 0

    def run(self, source: Side | None = None, target: Side | None = None, **settings: object) -> int:
        self.said.clear()
        self._log.clear()
        self._epoch += 1
        given = {"from_": "http://a", "to": "http://b", "topic": TOPIC, "state": self._folder} | settings
        run = Run(
            source or self.source,
            target or self.target,
            CopySettings.model_validate(given),
            ProgressReport(),
            self.said.append,
            lambda: self._epoch,
        )
        return run.run()

    @property
    def problems(self) -> list[str]:
        return [each.getMessage() for each in self._log.records if each.levelno >= logging.WARNING]


@pytest.fixture
def copying(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Copying:
    return Copying(tmp_path, caplog)


def test_a_topic_arrives_with_its_partitions_configs_records_and_groups(copying: Copying) -> None:
    copying.source.configs = {"retention.ms": "1000"}
    copying.source.groups["g"] = {(TOPIC, 0): 8}

    assert copying.run() == DONE
    assert copying.target.configs == {"retention.ms": "1000"}
    assert [[each.value for each in log.records] for log in copying.target.logs] == [["v5", "v6", "v7", "v8", "v9"], []]
    assert copying.target.groups == {"g": {(TOPIC, 0): 3}}
    assert copying.said[0].startswith("copied 5 records of t in ")
    assert copying.said[1].startswith("alike  t-0  5 records, checksum ")
    assert copying.said[2].startswith("alike  t-1  0 records, checksum ")
    assert copying.said[3:] == ["group  g  t-0 at 3"]


def test_a_second_run_copies_what_came_meanwhile(copying: Copying) -> None:
    assert copying.run() == DONE
    copying.source.logs[0].append([record(0, "new")])

    assert copying.run() == DONE
    assert copying.said[0].startswith("copied 1 record of t in ")
    assert copying.target.logs[0].records[-1].value == "new"


def test_a_run_that_was_killed_has_kept_how_far_it_was(copying: Copying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mini_kafka.copying.state.SAVE_EVERY_S", 0.0)
    monkeypatch.setattr("mini_kafka.copying.state.SAVES_SHARE", 0)
    copying.source.page = 1
    copying.target.fate = ["ok", "ok", "ok", "kill"]
    with pytest.raises(Killed):
        copying.run()
    copying.source.logs[0].drop_head(8)  # so that nobody could find out from the start

    assert copying.run() == DONE
    assert [each.value for each in copying.target.logs[0].records] == ["v5", "v6", "v7", "v8", "v9"]


def test_without_its_state_file_a_run_finds_out_by_itself_how_far_it_is(copying: Copying, tmp_path: Path) -> None:
    assert copying.run() == DONE
    for file in tmp_path.iterdir():
        file.unlink()
    copying.source.logs[0].append([record(0, "new")])

    assert copying.run() == DONE
    assert len(copying.target.logs[0].records) == 6
    assert copying.said[0].startswith("copied 1 record of t in ")
    assert copying.said[0].endswith(" s; 5 records found there")


def test_retention_at_the_source_between_two_runs_is_said_and_does_no_harm(copying: Copying) -> None:
    assert copying.run() == DONE
    copying.source.logs[0].append([record(0, "gone"), record(0, "new")])
    copying.source.logs[0].drop_head(11)

    assert copying.run() == DONE
    assert copying.problems == ["t-0 has lost the records from offset 10 to 10 at http://a since the last run"]
    assert [each.value for each in copying.target.logs[0].records][-2:] == ["v9", "new"]
    assert "1 record, checksum" in copying.said[1]
    assert copying.said[1].endswith("; 5 records only on one side by now")


def test_retention_while_it_verifies_is_no_difference(copying: Copying) -> None:
    class Source(FakeSide):
        """A side that loses its head between the question for it and the reading."""

        def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[list[CopiedRecord]]:
            if partition == 0 and copying.target.logs[0].records:
                self.logs[0].drop_head(7)
            return super().read(topic, partition, start, end)

    assert copying.run(source=Source("a", FakeLog(map(record, range(9))), FakeLog()), verify_only=False) == DONE
    assert copying.said[1].startswith("alike  t-0  2 records, ")
    assert copying.said[1].endswith("; 7 records only on one side by now")


def test_a_partition_that_is_new_while_it_copies_is_left_for_the_next_run(copying: Copying) -> None:
    class Source(FakeSide):
        """A side whose topic grows once it is read."""

        def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[list[CopiedRecord]]:
            if len(self.logs) == 1:
                self.logs.append(FakeLog([record(0)]))
            return super().read(topic, partition, start, end)

    assert copying.run(source=Source("a", FakeLog([record(0)]))) == DONE
    assert len(copying.target.logs) == 1
    assert [line.split()[1] for line in copying.said[1:]] == ["t-0"]


def test_a_target_that_numbers_no_requests_gets_every_record_once(copying: Copying) -> None:
    copying.target.is_numbered = False
    copying.target.fate = ["lost", "half", "away"]

    assert copying.run() == DONE
    assert copying.said[0].startswith("copied 5 records of t in ")
    assert copying.said[0].endswith(" s")
    assert [each.value for each in copying.target.logs[0].records] == ["v5", "v6", "v7", "v8", "v9"]


@pytest.mark.parametrize(("engine", "earliest_ms"), [("memory", 0), ("kafka", 1)])
def test_a_time_that_the_target_does_not_take_becomes_the_first_that_it_takes(
    copying: Copying, engine: str, earliest_ms: int
) -> None:
    copying.target.engine = engine
    times = [-1, earliest_ms, 7]
    for each, time in zip(copying.source.logs[0].records, times, strict=False):
        each.timestamp = time

    for _ in range(2):
        assert copying.run() == DONE
    assert [each.timestamp for each in copying.target.logs[0].records[:3]] == [earliest_ms, earliest_ms, 7]
    assert copying.problems == [
        "t-0 has at offset 5 the timestamp -1, which http://b does not take: that and all before"
        f" {earliest_ms} become {earliest_ms}"
    ]


def test_what_a_killed_run_had_under_way_at_a_gateway_is_waited_for(copying: Copying) -> None:
    copying.target.is_numbered = False
    copying.target.fate = ["ok", "late kill"]
    with pytest.raises(Killed):
        copying.run()

    assert copying.run() == DONE
    assert [each.value for each in copying.target.logs[0].records] == ["v5", "v6", "v7", "v8", "v9"]


def test_only_after_a_run_that_did_not_end_a_gateway_is_waited_for(
    copying: Copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying.target.is_numbered = False
    monkeypatch.setattr(copying.target, "settled", None)

    assert copying.run() == DONE
    assert copying.run() == DONE


def test_what_compaction_took_from_either_side_is_counted(copying: Copying) -> None:
    copying.source.configs = {"cleanup.policy": "compact"}
    assert copying.run() == DONE
    del copying.source.logs[0].records[1]
    del copying.target.logs[0].records[2]

    assert copying.run() == DONE
    assert copying.said[1].endswith("; 2 records only on one side by now")


def test_a_record_that_is_lost_at_the_target_is_found_and_ends_with_3(copying: Copying) -> None:
    assert copying.run() == DONE
    del copying.target.logs[0].records[2]

    assert copying.run() == DIFFERS
    assert copying.problems == ["t-0: the target lacks at offset 2 the source's record at 7"]


def test_verify_only_changes_nothing(copying: Copying, tmp_path: Path) -> None:
    assert copying.run(verify_only=True) == NOT_DONE
    assert copying.problems == ["there is no topic 't' at http://b"]
    copying.target.logs = [FakeLog(), FakeLog()]

    assert copying.run(verify_only=True) == NOT_DONE
    assert copying.target.logs[0].records == []
    assert list(tmp_path.iterdir()) == []


def test_verify_only_says_what_came_since_and_compares_the_rest(copying: Copying) -> None:
    assert copying.run() == DONE
    copying.source.logs[0].append([record(0, "new"), record(0, "newer")])

    assert copying.run(verify_only=True) == NOT_DONE
    assert copying.problems == [
        "t-0 is not copied to http://b from offset 10 on: leave --verify-only out to copy that too"
    ]
    assert copying.said[0].startswith("alike  t-0  5 records, checksum ")
    copying.target.logs[0].records[2].value = "mine"
    assert copying.run(verify_only=True) == DIFFERS


def test_verify_only_misses_nothing_where_the_source_ends_in_a_hole(copying: Copying) -> None:
    copying.source.logs[0].high_watermark = 12

    assert copying.run() == DONE
    assert copying.run(verify_only=True) == DONE


def test_verify_only_is_content_with_a_copy_and_leaves_groups_alone(copying: Copying) -> None:
    assert copying.run(groups="none") == DONE
    copying.source.groups["g"] = {(TOPIC, 0): 8}

    assert copying.run(verify_only=True) == DONE
    assert [line.split()[0] for line in copying.said] == ["alike", "alike"]
    assert copying.target.groups == {}


def test_a_target_that_is_the_source_is_refused(copying: Copying) -> None:
    assert copying.run(target=copying.source) == NOT_DONE
    assert copying.problems == ["t is the same log at http://a and http://a: nothing to copy"]


def test_an_unknown_topic_leaves_the_others_alone(copying: Copying) -> None:
    assert copying.run(topic="nope,t") == NOT_DONE
    assert copying.problems == ["there is no topic 'nope' at http://a"]
    assert len(copying.target.logs[0].records) == 5


def test_a_difference_decides_the_exit_code_whatever_else_went_wrong(copying: Copying) -> None:
    assert copying.run() == DONE
    copying.target.logs[0].records[2].value = "mine"

    assert copying.run(topic="t,nope") == DIFFERS
    assert copying.run(topic="nope,t") == DIFFERS


@pytest.mark.parametrize("configs", ["source", "target"])
def test_a_topic_with_other_configs_is_refused_unless_it_may_keep_them(copying: Copying, configs: str) -> None:
    copying.source.configs = {"retention.ms": "1000"}
    copying.target.configs = {"retention.ms": "5"}
    copying.target.logs = [FakeLog(), FakeLog()]

    code = copying.run(configs=configs)

    assert copying.target.configs == {"retention.ms": "5"}
    if configs == "target":
        assert code == DONE
    else:
        assert code == NOT_DONE
        assert "or leave it its own configs with --configs target" in copying.problems[0]
        assert copying.target.logs[0].records == []


def test_a_topic_with_other_partitions_is_refused_whosever_the_configs(copying: Copying) -> None:
    copying.target.logs = [FakeLog()]

    assert copying.run(configs="target") == NOT_DONE
    assert copying.target.logs[0].records == []


def test_a_topic_that_keeps_the_broker_s_time_is_copied_without_its_own_and_said(copying: Copying) -> None:
    copying.source.configs = {"message.timestamp.type": "LogAppendTime"}

    assert copying.run() == DONE
    assert copying.problems == [
        "t has message.timestamp.type=LogAppendTime at http://b: the records get the time at which they are copied"
    ]
    for each in copying.target.logs[0].records:
        each.timestamp += 1
    assert copying.run() == DONE


def test_a_record_that_cannot_be_read_ends_the_copy_with_its_offset(copying: Copying) -> None:
    copying.source.logs[0].records[2].decode_error = "CRC"

    assert copying.run() == NOT_DONE
    assert copying.problems == ["the record at offset 7 of t-0 at http://a cannot be read (CRC), and so not copied"]


def test_a_group_that_is_named_is_moved_alone(copying: Copying) -> None:
    copying.source.groups = {"g": {(TOPIC, 0): 8}, "h": {(TOPIC, 0): 8}}

    assert copying.run(groups="h,nobody") == NOT_DONE
    assert list(copying.target.groups) == ["h"]
    assert copying.problems == ["there is no group 'nobody' at http://a"]


def test_an_earlier_run_that_still_goes_on_is_shut_out(copying: Copying) -> None:
    assert copying.run() == DONE
    copying.source.logs[0].append([record(0, "new")])
    copying.target.newest_epoch = 99

    assert copying.run() == NOT_DONE
    assert copying.problems == ["another run began to copy t to http://b after this one, and goes on alone"]


def test_a_run_beside_another_one_copies_nothing(copying: Copying, tmp_path: Path) -> None:
    assert copying.run() == DONE
    copying.source.logs[0].append([record(0, "new")])
    with CopyState(tmp_path, copying.source.describe(), copying.target.describe()).locked():
        assert copying.run() == NOT_DONE
    assert copying.problems == ["another run copies t now: let it come to its end"]
    assert len(copying.target.logs[0].records) == 5


@pytest.mark.parametrize(
    ("side", "call", "problem"),
    [
        ("source", "broker", "http://a does not say what it takes: no (403 DENIED)"),
        ("target", "broker", "http://b does not say what it takes: no (403 DENIED)"),
        ("source", "topic", "t cannot be read at http://a: no (403 DENIED)"),
        ("target", "have_topic", "t cannot be at http://b as it is at http://a: no (403 DENIED)"),
        ("target", "append", "http://b takes no records of t: no (403 DENIED)"),
        ("source", "groups", "the groups of http://a cannot be listed: no (403 DENIED)"),
        ("source", "group", "group 'g' cannot be read at http://a: no (403 DENIED)"),
        ("target", "group", "group 'g' cannot be read at http://b: no (403 DENIED)"),
        ("target", "move_offsets", "group 'g' was not moved at http://b: no (403 DENIED)"),
    ],
)
def test_whatever_a_side_does_not_allow_is_said_in_a_line(
    copying: Copying, monkeypatch: pytest.MonkeyPatch, side: str, call: str, problem: str
) -> None:
    def deny(*_: object) -> None:
        raise Refused(403, "DENIED", "no")

    copying.source.groups["g"] = {(TOPIC, 0): 8}
    monkeypatch.setattr(getattr(copying, side).client, call, deny)

    assert copying.run() == NOT_DONE
    assert copying.problems == [problem]


def test_a_signal_ends_a_run_with_4(copying: Copying, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(_operation: object) -> None:
        raise Stopped

    monkeypatch.setattr(copying.source, "patiently", stopped)

    assert copying.run() == STOPPED
    assert copying.problems == ["asked to end: run the same command again to go on"]
