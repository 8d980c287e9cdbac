"""Committed offsets: before the same record at the target, never back, and never under the feet of members."""

import pytest

from mini_kafka.copying.group_offsets import GroupCopy
from mini_kafka.copying.offset_map import OffsetMap
from tests.support.copying import TOPIC, FakeLog, FakeSide


class Copied:
    """Two sides, of which the source's records 10, 11 and 15 are records 0, 1 and 2 at the target."""

    def __init__(self) -> None:
        self.source, self.target = FakeSide("a", FakeLog()), FakeSide("b", FakeLog())
        offsets = OffsetMap(10, 0)
        offsets.append([10, 11, 15])
        self.said: list[str] = []
        self.refused: list[str] = []
        self.groups = GroupCopy(
            self.source,
            self.target,
            {TOPIC: [offsets]},
            moved=lambda group, move: self.said.append(f"{group} {move.topic}-{move.partition} {move.after}"),
            refused=self.refused.append,
        )


@pytest.mark.parametrize(("committed", "after"), [(0, 0), (10, 0), (11, 1), (12, 2), (15, 2), (16, 3), (99, 3)])
def test_a_group_stands_before_the_first_record_that_it_had_not_read(committed: int, after: int) -> None:
    copied = Copied()
    copied.source.groups["g"] = {(TOPIC, 0): committed}

    copied.groups.copy_all()

    assert copied.target.groups == {"g": {(TOPIC, 0): after}}
    assert copied.said == [f"g {TOPIC}-0 {after}"]


@pytest.mark.parametrize("stands", [1, 3])
def test_a_group_that_is_as_far_at_the_target_stays(stands: int) -> None:
    copied = Copied()
    copied.source.groups["g"] = {(TOPIC, 0): 11}
    copied.target.groups["g"] = {(TOPIC, 0): stands}
    copied.target.busy_groups = {"g"}  # and nobody is disturbed

    copied.groups.copy_all()

    assert copied.target.groups["g"] == {(TOPIC, 0): stands}
    assert (copied.said, copied.refused) == ([], [])


def test_offsets_of_other_topics_and_of_partitions_that_are_new_stay_behind() -> None:
    copied = Copied()
    copied.source.groups["g"] = {("other", 0): 1, (TOPIC, 1): 5}

    copied.groups.copy_all()

    assert copied.target.groups == {}


def test_a_group_at_work_is_named_and_the_others_are_moved() -> None:
    copied = Copied()
    copied.source.groups = {"busy": {(TOPIC, 0): 11}, "idle": {(TOPIC, 0): 15}}
    copied.target.busy_groups = {"busy"}

    copied.groups.copy_all()

    assert copied.target.groups == {"idle": {(TOPIC, 0): 2}}
    assert copied.refused == [
        "group 'busy' was not moved at http://b: group 'busy' has Kafka consumers (409 GROUP_KIND_CONFLICT): stop its"
        " members there, and run this again"
    ]


def test_a_group_that_is_asked_for_has_to_be_there() -> None:
    copied = Copied()

    copied.groups.copy("nobody")

    assert copied.refused == ["there is no group 'nobody' at http://a"]
