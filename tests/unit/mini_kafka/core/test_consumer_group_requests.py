"""Requests to a consumer group that no sensible client sends: each is answered or refused, and nothing else happens.

Members hide their names or say others', change their protocols, sync what they must not, and time passes. A seed makes
every run the same.
"""

import contextlib
from random import Random

from hypothesis import settings

from mini_kafka.core.errors import BrokerError
from mini_kafka.core.group_limits import GroupLimits
from mini_kafka.core.group_member import Leaver, Place, Protocol
from tests.support.consumer_group import GroupOnTrial, Inbox, wish

GROUPS = 5 * settings().max_examples
REQUESTS = 60
TIMES_MS = (0, 1, 500, 5_000, 30_000)
NAMES = (None, None, "s", "t")


class Chance:
    """Sends a group anything, with a preference for what it may take."""

    def __init__(self, rng: Random) -> None:
        limits = GroupLimits(max_size=3, initial_rebalance_delay_ms=rng.choice((0, 1_000)))
        self.trial = GroupOnTrial(limits)
        self.inboxes: list[Inbox] = []
        self._rng = rng

    def send(self, number: int) -> None:
        """Send a request; a new member of it is called by its number."""
        rng, trial, group = self._rng, self.trial, self.trial.group
        self.inboxes.append(inbox := Inbox())
        place = Place(self._member_id(), trial.generation - rng.choice((0, 0, 0, 1)), rng.choice(NAMES))
        match rng.randrange(8):
            case 0 | 1 | 2:
                wanted = wish(
                    self._member_id(), instance_id=rng.choice(NAMES), takes_id_first=rng.random() < 0.5,
                    protocols=tuple(Protocol(name, b"") for name in rng.choice(("x", "xy", "yx", "y", ""))),
                    protocol_type=rng.choice(("consumer", "consumer", "consumer", "connect")),
                    session_ms=rng.choice(TIMES_MS), rebalance_ms=rng.choice((-1, *TIMES_MS)),
                )  # fmt: skip
                group.join(trial.now_ms, wanted, str(number), inbox.append)
            case 3 | 4:
                group.sync(trial.now_ms, place, (None, None), {self._member_id(): b"all"}, inbox.append)
            case 5:
                group.heartbeat(trial.now_ms, place)
                group.check_commit(trial.now_ms, place)
            case 6:
                group.leave(trial.now_ms, [Leaver(self._member_id(), rng.choice(NAMES))])
            case _:
                trial.advance(rng.choice(TIMES_MS))

    def _member_id(self) -> str:
        members = self.trial.group.members
        return self._rng.choice([*(one.member_id for one in members), *members.pending, "", "stranger"])


def test_any_request_is_answered_once_or_refused_and_a_name_is_that_of_a_member() -> None:
    rng = Random(4)
    states = set()
    for _ in range(GROUPS):
        chance = Chance(rng)
        for number in range(REQUESTS):
            with contextlib.suppress(BrokerError):
                chance.send(number)
            states.add(chance.trial.state)
            assert max(map(len, chance.inboxes)) <= 1
            for name in ("s", "t"):
                owner = chance.trial.group.members.static_id(name)
                assert owner is None or chance.trial.group.members[owner].instance_id == name
    assert states == {"Empty", "PreparingRebalance", "CompletingRebalance", "Stable"}
