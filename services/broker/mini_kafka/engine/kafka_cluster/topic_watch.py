"""Whether the topics that groups share are still the ones that they were.

A topic may be deleted and made again by anybody, and librdkafka then goes on reading at the old offset (seen with
2.16): what lies below it would come to nobody, and locks of old records would settle new ones. Only a topic's id tells
it from an earlier one, and a consumer never hears of ids; so this room asks for them every now and then. That a topic
is not there is believed only where a member was told so too: a node that has just started may not know of it yet.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from uuid import UUID

from mini_kafka.core.errors import BrokerError
from mini_kafka.engine.clock import Clock, Timer
from mini_kafka.engine.kafka_cluster.joined_group import JoinedGroup

LOOK_MS = 2000
"""How late a gateway notices that a topic was made anew elsewhere; a look is one request for all topics."""

TopicIds = Callable[[Sequence[str]], Awaitable[Mapping[str, tuple[UUID, int]]]]
"""Gives the ids of those topics that are there, and their numbers of partitions."""


class TopicWatch:
    """Looks at the topics of all groups, as long as there are any; `end` is told which topic of which is another."""

    def __init__(
        self,
        clock: Clock,
        topic_ids: TopicIds,
        groups: Callable[[], Collection[JoinedGroup]],
        end: Callable[[JoinedGroup, str], None],
    ) -> None:
        self._clock = clock
        self._topic_ids = topic_ids
        self._groups = groups
        self._end = end
        self._suspects: set[str] = set()
        self._timer: Timer | None = None
        self._look: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look every `LOOK_MS` from now on."""
        if self._timer is None and self._look is None:
            self._timer = self._clock.call_later(LOOK_MS, self._look_now)

    def suspect(self, topic: str) -> None:
        """Look at once: the cluster has told a member that a topic is not there, or its offsets are used again."""
        self._suspects.add(topic)
        if self._look is None:
            self._look_now()

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._look is not None:
            self._look.cancel()

    def _look_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._look = asyncio.get_running_loop().create_task(self._look_at_all())

    async def _look_at_all(self) -> None:
        known = [(group, topic) for group in self._groups() for topic in group.topics.values()]
        suspects, self._suspects = self._suspects, set()
        try:
            there = await self._topic_ids(sorted({topic.name for _, topic in known}))
        except BrokerError:
            self._suspects |= suspects
        else:
            for group, topic in known:
                found = there.get(topic.name)
                is_another = topic.name in suspects if found is None else found[0] != topic.topic_id
                if is_another and group.topics.get(topic.name) is topic:
                    self._end(group, topic.name)
        self._look = None
        if self._groups():
            self.start()
