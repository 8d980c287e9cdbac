"""Every request in every state of a group: what is answered, and which state follows. As Apache Kafka 4.3.1 has it.

The group has a leader, a follower and a static member (instance id `s`), but where it is empty.
"""

from collections.abc import Callable, Iterator
from itertools import product

import pytest

from mini_kafka.core.consumer_group import ConsumerGroup
from mini_kafka.core.errors import BrokerError
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import Leaver, Place, Protocol
from mini_kafka.core.memory_budget import MemoryBudget
from mini_kafka.core.rebalance import NEXT, GroupState
from tests.support.consumer_group import GroupOnTrial, Inbox, wish

OTHER = (Protocol("range", b"other"),)
STRANGE = (Protocol("strange", b""),)


def empty() -> GroupOnTrial:
    return GroupOnTrial()


def emptied() -> GroupOnTrial:
    trial = stable()
    trial.group.leave(trial.now_ms, [Leaver("leader"), Leaver("follower"), Leaver("static")])
    return trial


def stable() -> GroupOnTrial:
    trial = GroupOnTrial()
    trial.join("leader")
    trial.join("follower")
    trial.join("static", wish(instance_id="s"))
    trial.advance(0)
    for member_id in ("follower", "static", "leader"):
        trial.sync(member_id, {each: each.encode() for each in ("leader", "follower", "static")})
    return trial


def initial() -> GroupOnTrial:
    """Give a group whose first rebalance waits for its delay."""
    trial = GroupOnTrial(GroupLimits(initial_rebalance_delay_ms=3000))
    trial.join("leader")
    trial.join("follower")
    trial.join("static", wish(instance_id="s"))
    return trial


def preparing() -> GroupOnTrial:
    trial = stable()
    trial.join("newcomer")
    return trial


def completing() -> GroupOnTrial:
    trial = preparing()
    for member_id, instance_id in (("leader", None), ("follower", None), ("static", "s")):
        trial.again(member_id, instance_id=instance_id)
    return trial


STATES: dict[str, Callable[[], GroupOnTrial]] = {
    "Empty": empty,
    "emptied": emptied,
    "initial": initial,
    "preparing": preparing,
    "completing": completing,
    "stable": stable,
}
EXPECTED_STATE = {
    "Empty": GroupState.EMPTY,
    "emptied": GroupState.EMPTY,
    "initial": GroupState.PREPARING_REBALANCE,
    "preparing": GroupState.PREPARING_REBALANCE,
    "completing": GroupState.COMPLETING_REBALANCE,
    "stable": GroupState.STABLE,
}

Ask = Callable[[GroupOnTrial], Inbox | BrokerError | None]


def leave(member_id: str, instance_id: str | None = None) -> Ask:
    return lambda trial: trial.group.leave(trial.now_ms, [Leaver(member_id, instance_id)])[0]


def commit(member_id: str, generation: int | None = None, instance_id: str | None = None) -> Ask:
    def ask(trial: GroupOnTrial) -> None:
        place = Place(member_id, trial.generation if generation is None else generation, instance_id)
        trial.group.check_commit(trial.now_ms, place)

    return ask


REQUESTS: dict[str, Ask] = {
    "join new": lambda trial: trial.join("new"),
    "join new, id first": lambda trial: trial.join("new", wish(takes_id_first=True)),
    "join new, strange protocol": lambda trial: trial.join("new", wish(protocols=STRANGE)),
    "join new, no protocol": lambda trial: trial.join("new", wish(protocols=())),
    "join new, other type": lambda trial: trial.join("new", wish(protocol_type="connect")),
    "join new static": lambda trial: trial.join("new", wish(instance_id="t")),
    "join static anew": lambda trial: trial.join("new", wish(instance_id="s")),
    "join static anew, other": lambda trial: trial.join("new", wish(instance_id="s", protocols=OTHER)),
    "join static, wrong id": lambda trial: trial.again("leader", instance_id="s"),
    "join unknown static": lambda trial: trial.again("leader", instance_id="t"),
    "join unknown": lambda trial: trial.again("unknown"),
    "join leader, same": lambda trial: trial.again("leader"),
    "join leader, other": lambda trial: trial.again("leader", protocols=OTHER),
    "join follower, same": lambda trial: trial.again("follower"),
    "join follower, other": lambda trial: trial.again("follower", protocols=OTHER),
    "join follower, strange protocol": lambda trial: trial.again("follower", protocols=STRANGE),
    "sync unknown": lambda trial: trial.sync("unknown"),
    "sync leader": lambda trial: trial.sync("leader", {"leader": b"all"}),
    "sync follower": lambda trial: trial.sync("follower"),
    "sync follower, generation before": lambda trial: trial.sync("follower", generation=trial.generation - 1),
    "sync static, wrong id": lambda trial: trial.sync("leader", instance_id="s"),
    "heartbeat unknown": lambda trial: trial.heartbeat("unknown"),
    "heartbeat follower": lambda trial: trial.heartbeat("follower"),
    "heartbeat follower, generation before": lambda trial: trial.heartbeat("follower", generation=trial.generation - 1),
    "heartbeat static": lambda trial: trial.heartbeat("static", instance_id="s"),
    "heartbeat static, wrong id": lambda trial: trial.heartbeat("leader", instance_id="s"),
    "commit from outside": commit("", -1),
    "commit unknown": commit("unknown"),
    "commit unknown, no generation": commit("unknown", -1),
    "commit follower": commit("follower"),
    "commit follower, generation before": commit("follower", 0),
    "commit static, wrong id": commit("leader", None, "s"),
    "leave unknown": leave("unknown"),
    "leave leader": leave("leader"),
    "leave static by name": leave("", "s"),
    "leave static, wrong id": leave("leader", "s"),
    "leave unknown name": leave("", "t"),
}

# One row a request, one column a state: the answer, and after a ▸ the state that follows where it is another.
# ok: taken; waits: answered later; joined, synced: answered at once; id: MEMBER_ID_REQUIRED; full words: the refusal.
TABLE = """
request                               | Empty        | emptied      | initial   | preparing  | completing | stable
join new                              | waits ▸P     | waits ▸P     | waits     | waits      | waits ▸P   | waits ▸P
join new, id first                    | id           | id           | id        | id         | id         | id
join new, strange protocol            | waits ▸P     | waits ▸P     | protocol  | protocol   | protocol   | protocol
join new, no protocol                 | protocol     | protocol     | protocol  | protocol   | protocol   | protocol
join new, other type                  | waits ▸P     | waits ▸P     | protocol  | protocol   | protocol   | protocol
join new static                       | waits ▸P     | waits ▸P     | waits     | waits      | waits ▸P   | waits ▸P
join static anew                      | waits ▸P     | waits ▸P     | waits     | waits      | waits ▸P   | joined
join static anew, other               | waits ▸P     | waits ▸P     | waits     | waits      | waits ▸P   | joined
join static, wrong id                 | unknown      | unknown      | fenced    | fenced     | fenced     | fenced
join unknown static                   | unknown      | unknown      | unknown   | unknown    | unknown    | unknown
join unknown                          | unknown      | unknown      | unknown   | unknown    | unknown    | unknown
join leader, same                     | unknown      | unknown      | waits     | waits      | joined     | waits ▸P
join leader, other                    | unknown      | unknown      | waits     | waits      | waits ▸P   | waits ▸P
join follower, same                   | unknown      | unknown      | waits     | waits      | joined     | joined
join follower, other                  | unknown      | unknown      | waits     | waits      | waits ▸P   | waits ▸P
join follower, strange protocol       | unknown      | unknown      | protocol  | protocol   | protocol   | protocol
sync unknown                          | unknown      | unknown      | unknown   | unknown    | unknown    | unknown
sync leader                           | unknown      | unknown      | rebalance | rebalance  | synced ▸S  | synced
sync follower                         | unknown      | unknown      | rebalance | rebalance  | waits      | synced
sync follower, generation before      | unknown      | unknown      | generation| generation | generation | generation
sync static, wrong id                 | unknown      | unknown      | fenced    | fenced     | fenced     | fenced
heartbeat unknown                     | unknown      | unknown      | unknown   | unknown    | unknown    | unknown
heartbeat follower                    | unknown      | unknown      | rebalance | rebalance  | ok         | ok
heartbeat follower, generation before | unknown      | unknown      | generation| generation | generation | generation
heartbeat static                      | unknown      | unknown      | rebalance | rebalance  | ok         | ok
heartbeat static, wrong id            | unknown      | unknown      | fenced    | fenced     | fenced     | fenced
commit from outside                   | ok           | ok           | unknown   | unknown    | unknown    | unknown
commit unknown                        | unknown      | unknown      | unknown   | unknown    | unknown    | unknown
commit unknown, no generation         | ok           | ok           | unknown   | unknown    | unknown    | unknown
commit follower                       | unknown      | unknown      | ok        | ok         | rebalance  | ok
commit follower, generation before    | unknown      | unknown      | ok        | generation | generation | generation
commit static, wrong id               | unknown      | unknown      | fenced    | fenced     | fenced     | fenced
leave unknown                         | unknown      | unknown      | unknown   | unknown    | unknown    | unknown
leave leader                          | unknown      | unknown      | ok        | ok         | ok ▸P      | ok ▸P
leave static by name                  | unknown      | unknown      | ok        | ok         | ok ▸P      | ok ▸P
leave static, wrong id                | unknown      | unknown      | fenced    | fenced     | fenced     | fenced
leave unknown name                    | unknown      | unknown      | unknown   | unknown    | unknown    | unknown
"""
REFUSALS = {
    "MemberIdRequired": "id",
    "InconsistentGroupProtocol": "protocol",
    "UnknownMember": "unknown",
    "MemberFenced": "fenced",
    "IllegalGeneration": "generation",
    "RebalanceInProgress": "rebalance",
}
SHORT = {
    GroupState.PREPARING_REBALANCE: "P",
    GroupState.STABLE: "S",
    GroupState.COMPLETING_REBALANCE: "C",
    GroupState.EMPTY: "E",
}


def cells() -> Iterator[tuple[str, str, str]]:
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
    for request, *answers in rows:
        for state, answer in zip(head[1:], answers, strict=True):
            yield request, state, answer


def test_the_table_has_every_request_in_every_state() -> None:
    assert sorted((request, state) for request, state, _ in cells()) == sorted(product(REQUESTS, STATES))


@pytest.mark.parametrize("name", STATES)
def test_the_states_are_what_they_are_called(name: str) -> None:
    assert STATES[name]().state == EXPECTED_STATE[name]


def outcome(trial: GroupOnTrial, request: Ask) -> str:
    """Ask, and say in the table's words what came of it."""
    before = trial.state
    try:
        answer = request(trial)
    except BrokerError as error:
        answer = error
    if isinstance(answer, BrokerError):
        word = REFUSALS[type(answer).__name__]
    elif answer is None:
        word = "ok"
    elif answer.waits:
        word = "waits"
    else:
        word = type(answer.value()).__name__.lower()
    return word if trial.state == before else f"{word} ▸{SHORT[GroupState(trial.state)]}"


@pytest.mark.parametrize(("request_name", "state", "expected"), list(cells()))
def test_each_request_is_answered_as_the_table_says(request_name: str, state: str, expected: str) -> None:
    assert outcome(STATES[state](), REQUESTS[request_name]) == expected


def test_a_group_goes_only_where_the_diagram_leads() -> None:
    """The states that requests lead to, from every state, and those that time leads to, are all in NEXT."""
    seen = set()
    for make, request in product(STATES.values(), REQUESTS.values()):
        trial = make()
        before = GroupState(trial.state)
        outcome(trial, request)
        seen.add((before, GroupState(trial.state)))
    assert all(after is before or after in NEXT[before] for before, after in seen)


@pytest.mark.parametrize(
    ("before", "after"),
    [(a, b) for a, b in product(GroupState, GroupState) if b not in NEXT[a]],
    ids=lambda state: state.name,
)
def test_no_other_way_leads_from_state_to_state(before: GroupState, after: GroupState) -> None:
    cycle = ConsumerGroup("g", GroupLimits(), MemoryBudget(2**40)).cycle
    cycle.state = before
    with pytest.raises(AssertionError):
        cycle.enter(0, after)
    assert cycle.state is before
