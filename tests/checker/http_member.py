"""A member of a share group that speaks `/v1`: it settles what it acquires in time, too late or never."""

import json
from itertools import count
from typing import Any

from tests.checker.http_clients import Lost
from tests.checker.http_world import GROUP, SHARED, World, look_at_commits, payload_of

LOOK_EVERY = 10
"""Of so many times that it works, a member looks once at what its group has committed."""


class Member:
    """A member of the share group: acquires, and says what became of each record, in time, too late or never."""

    def __init__(self, world: World, *, diligent: bool = False) -> None:
        self._world = world
        self._name = world.journal.client
        self._diligent = diligent
        self._steps = count(1)
        self._holder: dict[str, str] = {}
        """Names the gateway that gave the last locks, if there are gateways."""

    def step(self) -> bool:
        """Acquire some records and settle them; say whether there were any."""
        world = self._world
        lock_ms = world.rng.choice(world.lock_ms)
        most = 500 if self._diligent else world.rng.choice([1, 5, 30, 100])
        try:
            records = self._acquire(most, lock_ms)
            if self._diligent:
                self._settle([(lock, "accept", 0) for lock in records], lock_ms)
            else:
                self._work(records, lock_ms)
            if next(self._steps) % LOOK_EVERY == 0:
                look_at_commits(world)
        except Lost:
            return True
        return bool(records)

    def _acquire(self, most: int, lock_ms: int) -> list[str]:
        world = self._world
        wish = {
            "topics": SHARED,
            "max_records": most,
            "wait_ms": world.wait_ms,
            "lock_ms": lock_ms,
            "member": self._name,
        }
        pending = world.journal.invoke("acquire", group=GROUP, member=self._name, lock_ms=lock_ms)
        answer = world.ask(
            "POST", f"/v1/groups/{GROUP}/acquire", json.dumps(wish).encode(), content_type="application/json"
        )
        records = world.expect(answer, 200)["records"]
        gateway = answer.headers.get("mini-kafka-gateway")
        self._holder = {"Mini_Kafka_Gateway": gateway} if gateway else {}
        names = ("lock", "topic", "partition", "offset")
        pending.returned(
            records=[(*map(one.get, names), payload_of(one), one["key"], one["delivery_count"]) for one in records]
        )
        return [one["lock"] for one in records]

    def _work(self, locks: list[str], lock_ms: int) -> None:
        world, rng = self._world, self._world.rng
        if world.chance(0.03):
            return  # forgotten: the locks have to run out
        if world.chance(0.03):
            pending = world.journal.invoke("leave", group=GROUP, member=self._name)
            path = f"/v1/groups/{GROUP}/members/{self._name}"
            world.expect(world.ask("DELETE", path, b"", **self._holder), 200)
            pending.returned()
            return
        if world.chance(0.1):
            lock_ms = rng.choice(world.lock_ms)
            self._settle([(lock, "renew", lock_ms) for lock in locks], lock_ms)
        world.sleep_ms(lock_ms * (1.1 if world.chance(0.03) else rng.random() / 10))
        settlements = []
        for lock in locks:
            how = rng.choices(["accept", "release", "reject"], [90, 8, 2])[0]
            settlements.append((lock, how, rng.choice([0, 0, 50]) if how == "release" else 0))
        self._settle(settlements, lock_ms)

    def _settle(self, settlements: list[tuple[str, str, int]], lock_ms: int) -> None:
        """Say what became of some locks, and once more if the answer was lost."""
        if not settlements:
            return
        world = self._world
        said: dict[str, Any] = {"accept": [], "release": [], "reject": [], "renew": [], "lock_ms": lock_ms}
        for lock, how, ms in settlements:
            said[how].append({"lock": lock, "delay_ms": ms} if how == "release" else lock)
        body = json.dumps(said).encode()
        for tries_left in (1, 0):
            pending = world.journal.invoke("settle", group=GROUP, settlements=settlements)
            try:
                path = f"/v1/groups/{GROUP}/acknowledge"
                answer = world.ask("POST", path, body, content_type="application/json", **self._holder)
            except Lost:
                if not tries_left:
                    raise
                continue
            pending.returned(expired=world.expect(answer, 200)["expired"])
            return


def is_finished(world: World) -> bool:
    """Tell whether the group has nothing left to do."""
    answer = world.ask("GET", f"/v1/groups/{GROUP}")
    return all(partition["lag"] == 0 for partition in world.expect(answer, 200)["partitions"])
