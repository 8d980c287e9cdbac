"""Topics of the cluster, made, changed and deleted: done when the call returns, as far as one gateway can see.

The cluster decides what a topic may be called and which configs it takes. Between the check of a change and the change
others may come: a cluster has no lock.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType

from mini_kafka.core.errors import ClusterUnavailable, InvalidTopic, TopicExists, UnknownTopic
from mini_kafka.core.topic import check_name
from mini_kafka.core.topic_config import CONFIGS
from mini_kafka.engine.kafka_cluster.connection import Connection
from mini_kafka.engine.kafka_cluster.topic_views import Shape, TopicViews
from mini_kafka.engine.port import TopicDescription

KAFKAS_OWN = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"})
"""Topics that Kafka makes itself when it needs them. It lets anybody be faster, and then lives with what it finds."""
DEFAULT = -1
"""Asks the cluster for its own number of partitions or replicas (KIP-464)."""
LOOK_AGAIN_S = 0.02
"""How often the cluster's metadata is looked at until a change is seen."""
CONFIGS_SEEN_S = 1.0
"""How long changed configs are waited for: a node that writes them another way never shows them."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


class ClusterTopics:
    """Makes, changes and deletes topics."""

    def __init__(self, connection: Connection, views: TopicViews) -> None:
        self._connection = connection
        self._views = views
        self._config = connection.config

    async def create(self, name: str, partitions: int | None, configs: Mapping[str, str]) -> TopicDescription:
        """Make a topic, and wait until the cluster shows it with leaders.

        Raises:
            InvalidTopic: the name is not allowed, or a topic of Kafka's has it.
            TopicExists, InvalidPartitions, InvalidConfig, ClusterUnavailable, ClusterRefused: nothing was created.
        """
        check_name(name)
        if name in KAFKAS_OWN:
            raise InvalidTopic(
                f"topic name {name!r} is not allowed: Kafka keeps its own records there; take another name"
            )
        count = self._config.num_partitions if partitions is None else partitions
        if count == DEFAULT:
            count = 0  # a caller's -1 is no number of partitions
        topic = NewTopic(
            name, num_partitions=DEFAULT if count is None else count, replication_factor=DEFAULT, config=dict(configs)
        )
        futures = self._connection.changes.create_topics([topic], request_timeout=self._config.timeout_s)
        await self._connection.ask(futures[name], name)
        self._views.forget(name)
        described = await self._seen(
            f"topic {name!r} was created and is not there yet", lambda: self._described_or_none(name)
        )
        logger.info("topic %s created with %d partitions", name, len(described.partitions))
        return described

    async def put(self, name: str, partitions: int | None, configs: Mapping[str, str]) -> tuple[TopicDescription, bool]:
        """Have a topic that is as described, and say whether it was made just now."""
        try:
            described = await self._views.describe(name)
        except UnknownTopic:
            try:
                return await self.create(name, partitions, configs), True
            except TopicExists:  # another gateway was faster
                described = await self._views.describe(name)
        if partitions is not None and partitions != len(described.partitions):
            raise TopicExists(f"topic {name!r} exists with {len(described.partitions)} partitions, not {partitions}")
        if configs:
            await self._change_configs(name, configs, validate_only=True)
            has = (await self._views.shape(name)).texts
            others = [
                f"{key}={has.get(key, '')}, not {text}" for key, text in configs.items() if not _same(key, has, text)
            ]
            if others:
                raise TopicExists(f"topic {name!r} exists with {', '.join(others)}")
        return described, False

    async def alter(self, name: str, partitions: int | None, configs: Mapping[str, str]) -> TopicDescription:
        """Give a topic more partitions, other configs, or both: both are checked before either is done."""
        described = await self._views.describe(name)
        more = partitions if partitions != len(described.partitions) else None
        for validate_only in (True, False):
            if configs:
                await self._change_configs(name, configs, validate_only=validate_only)
            if more is not None:
                await self._add_partitions(name, more, validate_only=validate_only)
        self._views.forget(name)
        until = time.monotonic() + CONFIGS_SEEN_S

        async def is_changed() -> TopicDescription | None:
            try:
                found = await self._views.describe(name)
            except ClusterUnavailable:  # a new partition has no leader yet
                return None
            texts = (await self._views.shape(name)).texts
            if more is not None and len(found.partitions) < more:
                return None
            if time.monotonic() < until and not all(_same(key, texts, text) for key, text in configs.items()):
                return None
            return found

        return await self._seen(f"topic {name!r} was changed, which does not show yet", is_changed)

    async def ensure(self, name: str, *, explicit: bool) -> TopicDescription:
        """Find a topic, or make it."""
        try:
            return await self._views.describe(name)
        except UnknownTopic:
            await self.make_missing(name, explicit=explicit)
            return await self._views.describe(name)

    async def shape(self, name: str, *, create: bool) -> Shape:
        """Give what a produce has to know of its topic, which is made where it is missing and `create` is true."""
        try:
            return await self._views.shape(name)
        except UnknownTopic:
            if not create:
                raise
            await self.make_missing(name, explicit=False)
            return await self._views.shape(name)

    async def make_missing(self, name: str, *, explicit: bool, configs: Mapping[str, str] | None = None) -> None:
        """Make a topic that was not there; another caller may be faster.

        Raises:
            UnknownTopic: it is only needed, and `auto.create.topics.enable` is false.
            InvalidTopic: the name is not allowed.
        """
        if not explicit and not self._config.auto_create_topics:
            raise UnknownTopic(name)
        try:
            await self.create(name, None, configs or {})
        except TopicExists:
            await self._seen(f"topic {name!r} is being created", lambda: self._described_or_none(name))

    async def delete(self, name: str) -> None:
        """Take a topic away, and wait until the cluster does not show it any more."""
        topic_id = (await self._views.bounds(name)).topic_id
        futures = self._connection.changes.delete_topics([name], request_timeout=self._config.timeout_s)
        await self._connection.ask(futures[name], name)
        self._views.forget(name)

        async def is_gone() -> bool | None:
            found = (await self._views.ids_and_sizes([name])).get(name)
            return True if found is None or found[0] != topic_id else None

        await self._seen(f"topic {name!r} was deleted and is still there", is_gone)
        self._views.forget(name)
        logger.info("topic %s deleted", name)

    async def _described_or_none(self, name: str) -> TopicDescription | None:
        try:
            return await self._views.describe(name)
        except (UnknownTopic, ClusterUnavailable):  # not yet everywhere, or without a leader
            return None

    async def _change_configs(self, name: str, configs: Mapping[str, str], *, validate_only: bool) -> None:
        changes = [
            ConfigEntry(key, text.strip(), incremental_operation=AlterConfigOpType.SET) for key, text in configs.items()
        ]
        futures = self._connection.changes.incremental_alter_configs(
            [ConfigResource(ResourceType.TOPIC, name, incremental_configs=changes)],
            validate_only=validate_only,
            request_timeout=self._config.timeout_s,
        )
        for future in futures.values():
            await self._connection.ask(future, name)

    async def _add_partitions(self, name: str, total: int, *, validate_only: bool) -> None:
        futures = self._connection.changes.create_partitions(
            [NewPartitions(name, total)], validate_only=validate_only, request_timeout=self._config.timeout_s
        )
        await self._connection.ask(futures[name], name)

    async def _seen(self, otherwise: str, look: Callable[[], Awaitable[T | None]]) -> T:
        """Look again and again until there is something to see.

        Raises:
            ClusterUnavailable: the time is over; the text says what is not seen.
        """
        until = time.monotonic() + self._config.timeout_s
        while (found := await look()) is None:
            if time.monotonic() > until:
                raise ClusterUnavailable(otherwise)
            await asyncio.sleep(LOOK_AGAIN_S)
        return found


def _same(key: str, has: Mapping[str, str], text: str) -> bool:
    """Tell whether a config has the value that a text means."""
    mine = has.get(key, "")
    if mine == text.strip():
        return True
    definition = CONFIGS.get(key)
    try:
        return definition is not None and definition.parse(mine) == definition.parse(text.strip())
    except ValueError:
        return False
