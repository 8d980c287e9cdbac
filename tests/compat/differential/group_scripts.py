"""What is asked of both brokers about groups: every error that a client can cause from JoinGroup to OffsetDelete.

A script asks through a `Stage`, which notes each answer under a label. It uses one group and one topic of two
partitions, whose names the stage makes up, and as many connections as it has members.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from tests.compat.differential.script import Broker, Step
from tests.compat.differential.stage import Stage

RANGE = [{"name": "range", "metadata": b"\0\1\0\0\0\0\xff\xff\xff\xff"}]
STRANGE = [{"name": "strange", "metadata": b""}]
JOIN = {
    "session_timeout": 10_000,
    "rebalance_timeout": 60_000,
    "member_id": "",
    "group_instance_id": None,
    "protocol_type": "consumer",
    "protocols": RANGE,
    "reason": None,
}
UNKNOWN_ID = "00000000-0000-4000-8000-000000000001"


def join(stage: Stage, label: str, version: int = 9, who: str = "one", **changes: Any) -> dict[str, Any]:
    return stage.ask(label, "join_group", version, who=who, **{"group_id": stage.group, **JOIN, **changes})


def enter(stage: Stage, who: str = "one", version: int = 9, **changes: Any) -> str:
    """Have an id given out, and give it."""
    return str(join(stage, f"{who} asks for an id", version, who, **changes)["member_id"])


def sync(stage: Stage, label: str, member_id: str, generation: int, version: int = 5, **changes: Any) -> Any:
    values = {
        "group_id": stage.group,
        "generation_id": generation,
        "member_id": member_id,
        "group_instance_id": None,
        "protocol_type": "consumer",
        "protocol_name": "range",
        "assignments": [],
        **changes,
    }
    return stage.ask(label, "sync_group", version, **values)


def heartbeat(stage: Stage, label: str, member_id: str, generation: int, **changes: Any) -> Any:
    values = {"group_id": stage.group, "generation_id": generation, "member_id": member_id, "group_instance_id": None}
    return stage.ask(label, "heartbeat", 4, **{**values, **changes})


def commit(stage: Stage, label: str, version: int = 9, **changes: Any) -> Any:
    partition = {
        "partition_index": changes.pop("partition", 0),
        "committed_offset": changes.pop("offset", 5),
        "committed_leader_epoch": changes.pop("leader_epoch", -1),
        "committed_metadata": changes.pop("metadata", ""),
    }
    topic = {"name": changes.pop("topic", stage.topic), "topic_id": changes.pop("topic_id", stage.topic_id)}
    values = {
        "group_id": stage.group,
        "generation_id_or_member_epoch": -1,
        "member_id": "",
        "group_instance_id": None,
        "retention_time": -1,
        "topics": [{**topic, "partitions": [partition]}],
        **changes,
    }
    return stage.ask(label, "offset_commit", version, **values)


def fetch(stage: Stage, label: str, version: int = 9, *, topics: Any = "mine", **changes: Any) -> Any:
    if topics == "mine":
        topics = [{"name": stage.topic, "topic_id": stage.topic_id, "partition_indexes": [0, 1]}]
    group = {"group_id": stage.group, "member_id": None, "member_epoch": -1, "topics": topics, **changes}
    return stage.ask(label, "offset_fetch", version, **group, groups=[group], require_stable=False)


def delete_offsets(stage: Stage, label: str, **changes: Any) -> Any:
    topic = {
        "name": changes.pop("topic", stage.topic),
        "partitions": [{"partition_index": changes.pop("partition", 0)}],
    }
    return stage.ask(label, "offset_delete", 0, **{"group_id": stage.group, "topics": [topic], **changes})


def leave(stage: Stage, label: str, *leavers: tuple[str, str | None], version: int = 5, **changes: Any) -> Any:
    members = [{"member_id": member, "group_instance_id": instance, "reason": None} for member, instance in leavers]
    values = {"group_id": stage.group, "members": members, "member_id": leavers[0][0] if leavers else ""}
    return stage.ask(label, "leave_group", version, **{**values, **changes})


def describe(stage: Stage, label: str, version: int = 6) -> Any:
    return stage.ask(label, "describe_groups", version, groups=[stage.group], include_authorized_operations=False)


def delete(stage: Stage, label: str, version: int = 2, name: str | None = None) -> Any:
    return stage.ask(label, "delete_groups", version, groups_names=[stage.group if name is None else name])


def joins_that_are_refused(stage: Stage) -> None:
    for version in range(10):
        join(stage, f"no group, version {version}", version, group_id="")
    join(stage, "a session that is too short", session_timeout=5_999)
    join(stage, "a session that is too long", session_timeout=1_800_001)
    join(stage, "unknown in no group", member_id=UNKNOWN_ID)
    join(stage, "no protocols", protocols=[])
    join(stage, "no protocol type", protocol_type="")
    join(stage, "unknown in an empty group", member_id=UNKNOWN_ID)
    join(stage, "a static member that nobody knows", member_id=UNKNOWN_ID, group_instance_id="s")
    describe(stage, "what is there")


def ids_that_are_given_out(stage: Stage) -> None:
    for version in (4, 5, 6, 7, 8, 9):
        join(stage, f"version {version}", version)
    pending = enter(stage)
    heartbeat(stage, "heartbeat of an id that has not joined", pending, 0)
    sync(stage, "sync of an id that has not joined", pending, 0)
    commit(stage, "commit of an id that has not joined", member_id=pending, generation_id_or_member_epoch=0)
    leave(stage, "it goes", (pending, None))
    join(stage, "and cannot join with it any more", member_id=pending)


def one_member(stage: Stage) -> None:
    member = enter(stage)
    join(stage, "it joins", member_id=member)
    join(stage, "it joins again", member_id=member)
    heartbeat(stage, "heartbeat", member, 1)
    commit(stage, "commit before its assignment", member_id=member, generation_id_or_member_epoch=1)
    sync(stage, "sync of another generation", member, 9)
    sync(stage, "sync of an unknown member", UNKNOWN_ID, 1)
    sync(stage, "sync of another protocol type", member, 1, protocol_type="connect")
    sync(stage, "sync of another protocol", member, 1, protocol_name="strange")
    sync(stage, "sync without a protocol type", member, 1, protocol_type=None)
    sync(stage, "sync without a protocol", member, 1, protocol_name=None)
    sync(stage, "sync without a group", member, 1, group_id="")
    sync(stage, "sync", member, 1, assignments=[{"member_id": member, "assignment": b"mine"}])
    for version in range(6):
        sync(stage, f"sync again, version {version}", member, 1, version)
    describe(stage, "a stable group")
    heartbeat(stage, "heartbeat of another generation", member, 2)
    heartbeat(stage, "heartbeat of an unknown member", UNKNOWN_ID, 1)
    heartbeat(stage, "heartbeat without a group", member, 1, group_id="")
    heartbeat(stage, "heartbeat of no group", member, 1, group_id=stage.group + "-none")
    join(stage, "another protocol", who="two", protocols=STRANGE)
    join(stage, "another protocol type", who="two", protocol_type="connect")
    join(stage, "another protocol of the same member", member_id=member, protocols=STRANGE)
    join(stage, "an unknown member", who="two", member_id=UNKNOWN_ID)
    leave(stage, "it goes", (member, None))
    describe(stage, "an empty group")
    heartbeat(stage, "heartbeat of a member that has gone", member, 1)
    sync(stage, "sync of a member that has gone", member, 1)
    join(stage, "join of a member that has gone", member_id=member)
    stage.ask("listed", "list_groups", 5, states_filter=[], types_filter=[], only=stage.group)


def commits_of_members(stage: Stage) -> None:
    member = enter(stage)
    join(stage, "it joins", member_id=member)
    sync(stage, "sync", member, 1)
    mine: dict[str, Any] = {"member_id": member, "generation_id_or_member_epoch": 1}
    commit(stage, "commit", **mine)
    commit(stage, "commit of an older generation", **{**mine, "generation_id_or_member_epoch": 0})
    commit(stage, "commit of a generation to come", **{**mine, "generation_id_or_member_epoch": 2})
    commit(stage, "commit without a generation", **{**mine, "generation_id_or_member_epoch": -1})
    commit(stage, "commit of an unknown member", **{**mine, "member_id": UNKNOWN_ID})
    commit(stage, "commit of an unknown static member", **mine, group_instance_id="s")
    commit(stage, "commit from outside")
    commit(stage, "commit from outside, unknown topic", topic=stage.topic + "-none")
    commit(stage, "commit, unknown topic", **mine, topic=stage.topic + "-none")
    fetch(stage, "fetch")
    fetch(stage, "fetch of a member", member_id=member, member_epoch=1)
    delete_offsets(stage, "delete while somebody is there")
    delete(stage, "delete the group while somebody is there")
    leave(stage, "it goes", (member, None))
    commit(stage, "commit of a member that has gone", **mine)
    commit(stage, "commit from outside to an empty group", offset=7)
    fetch(stage, "fetch what outlived it")
    delete_offsets(stage, "delete offsets of an empty group")
    fetch(stage, "fetch what is left")
    delete(stage, "delete the group")
    delete(stage, "delete it again")
    fetch(stage, "fetch of no group")


def commits_from_outside(stage: Stage) -> None:
    for version in range(2, 11):
        commit(stage, f"version {version}", version, offset=version, leader_epoch=0, metadata="m")
    for version in range(1, 11):
        fetch(stage, f"fetch, version {version}", version)
    for version in range(2, 11):
        fetch(stage, f"fetch all, version {version}", version, topics=None)
    commit(stage, "an offset below 0", offset=-1)
    fetch(stage, "fetch it")
    commit(stage, "an offset far below 0", offset=-9)
    commit(stage, "an offset that is to come", offset=2**62)
    commit(stage, "a leader epoch to come", leader_epoch=9)
    commit(stage, "no metadata", metadata=None)
    fetch(stage, "fetch without metadata")
    commit(stage, "as much metadata as may be", metadata="x" * 4096)
    commit(stage, "too much metadata", metadata="x" * 4097)
    commit(stage, "as much metadata, in other letters", metadata="ä" * 4096)
    fetch(stage, "fetch a lot of metadata")
    commit(stage, "an unknown topic", topic=stage.topic + "-none")
    commit(stage, "an unknown partition", partition=2)
    commit(stage, "a partition below 0", partition=-1)
    commit(stage, "an unknown topic id", 10, topic_id=UUID(UNKNOWN_ID))
    commit(stage, "no topic id", 10, topic_id=None)
    commit(stage, "no topics", topics=[])
    fetch(stage, "fetch an unknown topic", topics=[{"name": stage.topic + "-none", "partition_indexes": [0]}])
    fetch(stage, "fetch an unknown partition", topics=[{"name": stage.topic, "partition_indexes": [2, -1]}])
    fetch(stage, "fetch an unknown topic id", 10, topics=[{"topic_id": UUID(UNKNOWN_ID), "partition_indexes": [0]}])
    fetch(stage, "fetch no topic id", 10, topics=[{"topic_id": None, "partition_indexes": [0]}])
    fetch(stage, "fetch as an unknown member", member_id=UNKNOWN_ID, member_epoch=3)
    describe(stage, "a group that only commits")
    heartbeat(stage, "heartbeat", UNKNOWN_ID, 0)
    leave(stage, "leave", (UNKNOWN_ID, None))
    commit(stage, "a generation that is not", generation_id_or_member_epoch=0)
    commit(stage, "a member that is not", generation_id_or_member_epoch=0, member_id=UNKNOWN_ID)
    commit(stage, "a member without a generation", member_id=UNKNOWN_ID)
    delete_offsets(stage, "delete of an unknown topic", topic=stage.topic + "-none")
    delete_offsets(stage, "delete of an unknown partition", partition=2)
    delete_offsets(stage, "delete where nothing is", partition=1)
    delete_offsets(stage, "delete")
    fetch(stage, "fetch what is left", topics=None)
    describe(stage, "a group that has nothing left")


def groups_that_are_not(stage: Stage) -> None:
    for version in range(2, 11):
        commit(stage, f"commit of a member, version {version}", version,
               generation_id_or_member_epoch=1, member_id=UNKNOWN_ID)  # fmt: skip
    for version in range(7):
        describe(stage, f"describe, version {version}", version)
    for version in range(3):
        delete(stage, f"delete, version {version}", version)
    for version in range(6):
        leave(stage, f"leave, version {version}", (UNKNOWN_ID, None), version=version)
    sync(stage, "sync", UNKNOWN_ID, 1)
    heartbeat(stage, "heartbeat", UNKNOWN_ID, 1)
    delete_offsets(stage, "delete offsets")
    delete(stage, "delete without a name", name="")
    delete_offsets(stage, "delete offsets without a name", group_id="")
    leave(stage, "leave without a name", (UNKNOWN_ID, None), group_id="")
    stage.ask("describe without a name", "describe_groups", 6, groups=[""], include_authorized_operations=False)
    stage.ask(
        "describe as a consumer group", "consumer_group_describe", 1,
        group_ids=[stage.group], include_authorized_operations=False,
    )  # fmt: skip
    stage.ask("list states that are not", "list_groups", 5, states_filter=["Odd"], types_filter=[], only=stage.group)
    stage.ask("list types that are not", "list_groups", 5, states_filter=[], types_filter=["Odd"], only=stage.group)


def groups_that_are_listed(stage: Stage) -> None:
    commit(stage, "commit")
    for version in range(6):
        stage.ask(f"version {version}", "list_groups", version, states_filter=[], types_filter=[], only=stage.group)
    for state in ("Empty", "empty", "Stable"):
        stage.ask(f"state {state}", "list_groups", 5, states_filter=[state], types_filter=[], only=stage.group)
    for kind in ("classic", "Classic", "consumer", "share"):
        stage.ask(f"type {kind}", "list_groups", 5, states_filter=[], types_filter=[kind], only=stage.group)
    for version in range(7):
        describe(stage, f"describe, version {version}", version)
    stage.ask(
        "describe as a consumer group", "consumer_group_describe", 1,
        group_ids=[stage.group], include_authorized_operations=False,
    )  # fmt: skip
    stage.ask(
        "describe with operations", "describe_groups", 6, groups=[stage.group], include_authorized_operations=True
    )


def two_members(stage: Stage) -> None:
    one = enter(stage)
    join(stage, "one joins", member_id=one)
    sync(stage, "one syncs", one, 1, assignments=[{"member_id": one, "assignment": b"all"}])
    two = enter(stage, "two")
    heartbeat(stage, "nothing has changed yet", one, 1)
    second = stage.later("two", "join_group", 9, **{"group_id": stage.group, **JOIN, "member_id": two})
    stage.wait_for_state("PreparingRebalance")
    describe(stage, "while they join")
    heartbeat(stage, "one has to join again", one, 1)
    sync(stage, "sync while they join", one, 1)
    commit(stage, "commit while they join", member_id=one, generation_id_or_member_epoch=1)
    commit(stage, "commit from outside while they join")
    delete(stage, "delete while they join")
    delete_offsets(stage, "delete offsets while they join")
    first = join(stage, "one joins again", member_id=one)
    second.answer("two has joined")
    leader, follower = (one, two) if first["leader"] == one else (two, one)
    describe(stage, "before they are assigned")
    commit(stage, "commit before it is assigned", member_id=one, generation_id_or_member_epoch=2)
    commit(stage, "commit of the generation before", member_id=one, generation_id_or_member_epoch=1)
    waiting = stage.later(
        "two", "sync_group", 5, group_id=stage.group, generation_id=2, member_id=follower, group_instance_id=None,
        protocol_type="consumer", protocol_name="range", assignments=[],
    )  # fmt: skip
    heartbeat(stage, "a follower that waits is there", follower, 2)
    assignments = [{"member_id": leader, "assignment": b"a"}, {"member_id": follower, "assignment": b"b"}]
    sync(stage, "the leader syncs", leader, 2, assignments=assignments)
    waiting.answer("the follower has its own")
    describe(stage, "when they are assigned")
    join(stage, "a follower joins again and nothing changes", who="two", member_id=follower)
    leave(stage, "one of them, twice, and a stranger", (follower, None), (follower, None), (UNKNOWN_ID, None))
    heartbeat(stage, "the other has to join again", leader, 2)
    join(stage, "and does", member_id=leader)
    leave(stage, "nobody goes")
    leave(stage, "the old way", (leader, None), version=2)
    leave(stage, "the old way, once more", (leader, None), version=2)


def static_members(stage: Stage) -> None:
    one = join(stage, "it joins without an id", group_instance_id="s")["member_id"]
    sync(stage, "it syncs", one, 1, group_instance_id="s", assignments=[{"member_id": one, "assignment": b"all"}])
    describe(stage, "a static member")
    two = join(stage, "it starts anew", who="two", group_instance_id="s")["member_id"]
    heartbeat(stage, "its earlier self is fenced", one, 1, group_instance_id="s")
    heartbeat(stage, "or unknown where it hides its name", one, 1)
    sync(stage, "fenced from its sync", one, 1, group_instance_id="s")
    commit(stage, "fenced from its commit", member_id=one, generation_id_or_member_epoch=1, group_instance_id="s")
    join(stage, "fenced from joining", member_id=one, group_instance_id="s")
    leave(stage, "fenced from leaving", (one, "s"))
    heartbeat(stage, "its new self is there", two, 1, group_instance_id="s")
    heartbeat(stage, "also without its name", two, 1)
    heartbeat(stage, "an unknown name", two, 1, group_instance_id="t")
    sync(stage, "its new self has the assignment", two, 1, group_instance_id="s")
    three = join(stage, "it starts anew, an older client", 8, who="three", group_instance_id="s")["member_id"]
    four = join(stage, "it starts anew and changes its mind", who="four", group_instance_id="s",
                protocols=[{"name": "range", "metadata": b"changed"}])["member_id"]  # fmt: skip
    heartbeat(stage, "fenced once more", three, 1, group_instance_id="s")
    leave(stage, "an unknown name goes", ("", "t"))
    leave(stage, "nobody goes by no name", ("", None))
    leave(stage, "it is sent away by its name", ("", "s"))
    heartbeat(stage, "and is gone", four, 1, group_instance_id="s")
    describe(stage, "nobody is left")


def static_members_without_their_names(stage: Stage) -> None:
    mine = join(stage, "it joins without an id", group_instance_id="s")["member_id"]
    sync(stage, "it syncs", mine, 1, group_instance_id="s", assignments=[{"member_id": mine, "assignment": b"all"}])
    join(stage, "it joins again and does not say its name", member_id=mine)
    describe(stage, "it has its name all the same")
    sync(stage, "it syncs and does not say it either", mine, 2)
    leave(stage, "it leaves without a name", (mine, None))
    join(stage, "its name is free", group_instance_id="s")


def played(script: Callable[[Stage], None]) -> Callable[[Broker], Iterator[Step]]:
    """Give a script that needs a stage as one that needs a broker."""

    def steps(broker: Broker) -> Iterator[Step]:
        with Stage(broker) as stage:
            script(stage)
        yield from stage.notes.items()

    return steps


SCRIPTS = {
    f"groups {script.__name__.replace('_', ' ')}": played(script)
    for script in (
        joins_that_are_refused,
        ids_that_are_given_out,
        one_member,
        commits_of_members,
        commits_from_outside,
        groups_that_are_not,
        groups_that_are_listed,
        two_members,
        static_members,
        static_members_without_their_names,
    )
}
