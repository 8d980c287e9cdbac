"""How topics of the cluster look: ids, partitions, configs, and the bounds of their logs.

A description is always asked for anew. A produce may take what it has to know of a topic from a look of the last few
seconds; whoever changes a topic makes that look be forgotten. Kafka's internal topics are not there for anybody.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from confluent_kafka import IsolationLevel, KafkaException, TopicCollection
from confluent_kafka import TopicPartition as KafkaTopicPartition
from confluent_kafka.admin import ConfigEntry, ConfigResource, ConfigSource, OffsetSpec, ResourceType

from mini_kafka.core.errors import BrokerError, ClusterUnavailable, InvalidTopic, UnknownTopic
from mini_kafka.core.topic import check_name
from mini_kafka.core.topic_config import CONFIGS, TopicConfig
from mini_kafka.engine.kafka_cluster.cluster_errors import known_offset
from mini_kafka.engine.kafka_cluster.connection import Connection, settled
from mini_kafka.engine.kafka_cluster.shared_questions import SharedQuestions
from mini_kafka.engine.kafka_cluster.topic_ids import id_of
from mini_kafka.engine.pace import Pace, chunks
from mini_kafka.engine.port import EARLIEST, LATEST, PartitionDescription, TopicDescription

SHAPE_AGE_S = 5.0
"""How old what a produce knows of its topic may be: partitions that another gateway added are used so late."""
BOUNDS_AGE_S = 0.1
"""How old bounds may be for whoever only reads on. It is far less than `FETCH_ERROR_BACKOFF_MS`, so that somebody asks
again before a consumer comes from a topic that was deleted into the next one of its name."""
BOUNDS_KEPT = 1000
"""Topics whose last bounds are kept: they are worth nothing after `BOUNDS_AGE_S`."""
LISTED_CONFIG_AGE_S = 30.0
"""How old a config in the list of all topics may be: to decode one takes milliseconds, and there may be thousands."""


OFFSETS_AT_ONCE = 300
"""Partitions whose offsets are asked for before others get their turn: librdkafka takes some three milliseconds."""
CONFIGS_AT_ONCE = 3
"""Topics whose configs are read before others get their turn: some thirty each, which take up to a millisecond."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A topic without its records; `texts` are all configs that the cluster knows, by Kafka's names."""

    name: str
    topic_id: UUID
    partitions: int
    config: TopicConfig
    texts: Mapping[str, str]
    seen_at_s: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the logs of a topic begin and end, by partition; the end is what transactions have left stable."""

    topic_id: UUID
    starts: Sequence[int]
    ends: Sequence[int]
    asked_at_s: float = 0.0


class TopicViews:
    """Looks at topics."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._shapes: dict[str, Shape] = {}
        self._last_bounds: dict[str, Bounds] = {}
        self._described = SharedQuestions(self._describe)
        self._shaped = SharedQuestions(self._shape)
        self._bounded = SharedQuestions(self._bounds)

    async def describe(self, name: str) -> TopicDescription:
        """Show one topic as it is now.

        Raises:
            UnknownTopic, ClusterUnavailable, ClusterRefused: it cannot be shown.
        """
        return await self._described.ask(name)

    async def bounds(self, name: str) -> Bounds:
        """Say where the logs of a topic begin and end now.

        Raises:
            UnknownTopic, ClusterUnavailable, ClusterRefused: they cannot be said.
        """
        return await self._bounded.ask(name)

    def bounds_seen_just_now(self, name: str) -> Bounds | None:
        """Give the last bounds of a topic unless they are old: enough for who reads on before these ends."""
        last = self._last_bounds.get(name)
        return last if last is not None and time.monotonic() - last.asked_at_s <= BOUNDS_AGE_S else None

    async def shape(self, name: str) -> Shape:
        """Give a topic's partitions and configs, as they were some seconds ago at most.

        No partition has to have a leader for that: records for the others can be taken.

        Raises:
            UnknownTopic, ClusterUnavailable, ClusterRefused: they cannot be had.
        """
        known = self._shapes.get(name)
        if known is None or time.monotonic() - known.seen_at_s > SHAPE_AGE_S:
            return await self._shaped.ask(name)
        return known

    def forget(self, name: str) -> None:
        """Look at a topic anew before it is used again."""
        self._shapes.pop(name, None)
        self._last_bounds.pop(name, None)

    async def ids_and_sizes(self, names: Sequence[str]) -> dict[str, tuple[UUID, int]]:
        """Give ids and numbers of partitions of those topics that are there and not internal.

        Raises:
            ClusterUnavailable, ClusterRefused: nobody can say.
        """
        if not names:
            return {}
        admin, timeout_s = self._connection.admin, self._connection.config.timeout_s
        futures = admin.describe_topics(TopicCollection(list(names)), request_timeout=timeout_s)
        await settled(futures.values())
        found = {}
        for name, future in futures.items():
            try:
                topic = future.result()
            except KafkaException as error:
                refusal = self._connection.refusal(error, name)
                if isinstance(refusal, UnknownTopic | InvalidTopic):
                    continue
                raise refusal from error
            if not topic.is_internal:
                found[name] = id_of(topic), len(topic.partitions)
        return found

    async def describe_all(self) -> list[TopicDescription]:
        """List all topics by name."""
        timeout_s = self._connection.config.timeout_s
        cluster = await self._connection.on_thread(lambda: self._connection.admin.list_topics(timeout=timeout_s))
        names = sorted(cluster.topics)
        sizes = await self.ids_and_sizes(names)
        for name in self._shapes.keys() - sizes.keys():
            self.forget(name)
        oldest = time.monotonic() - LISTED_CONFIG_AGE_S
        shapes = {
            name: known
            for name, (topic_id, partitions) in sizes.items()
            if (known := self._shapes.get(name)) is not None
            and (known.topic_id, known.partitions) == (topic_id, partitions)
            and known.seen_at_s > oldest
        }
        shapes |= await self._shapes_of({name: size for name, size in sizes.items() if name not in shapes})
        everywhere = [(name, number) for name, shape in shapes.items() for number in range(shape.partitions)]
        try:
            starts, ends = await self._starts_and_ends(everywhere)
        except UnknownTopic:  # one was deleted while the others were looked at
            return await self.describe_all()
        pace = Pace(OFFSETS_AT_ONCE)
        described = []
        for name in names:
            if name in shapes:
                await pace.step(shapes[name].partitions)
                described.append(_description(shapes[name], starts, ends))
        return described

    async def offsets_at(self, name: str, at: int) -> list[int]:
        """Look an offset up in each partition, as the port says."""
        bounds = await self.bounds(name)
        if at in {EARLIEST, LATEST}:
            return list(bounds.starts if at == EARLIEST else bounds.ends)
        partitions = [(name, number) for number in range(len(bounds.ends))]
        found = await self.list_offsets(partitions, OffsetSpec.for_timestamp(max(0, at)))
        # Kafka's answer where there is no such record is -1; an index may also point before what was deleted.
        return [
            end if found[partition] < 0 else max(start, min(found[partition], end))
            for partition, start, end in zip(partitions, bounds.starts, bounds.ends, strict=True)
        ]

    async def list_offsets(
        self,
        partitions: Iterable[tuple[str, int]],
        spec: OffsetSpec,
        *,
        isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
    ) -> dict[tuple[str, int], int]:
        """Look an offset up in each of these partitions; -1 where there is none.

        Raises:
            UnknownTopic, ClusterUnavailable, ClusterRefused: not all of them can be had.
        """
        found = {}
        for place, answer in (await self._ask_offsets(partitions, spec, isolation)).items():
            if isinstance(answer, BrokerError):
                await self._explain(answer, place[0])
            else:
                found[place] = answer
        return found

    async def ends_of(self, sizes: Mapping[str, int]) -> dict[str, Sequence[int] | None]:
        """Say where the logs of topics end, by name and number of partitions; None where that cannot be said."""
        partitions = [(name, number) for name, count in sizes.items() for number in range(count)]
        found = await self._ask_offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
        ends: dict[str, Sequence[int] | None] = {}
        for name, count in sizes.items():
            answers = [found[name, number] for number in range(count)]
            ends[name] = [answer for answer in answers if isinstance(answer, int)]
            if len(ends[name] or ()) != count:
                ends[name] = None
        return ends

    async def _ask_offsets(
        self, partitions: Iterable[tuple[str, int]], spec: OffsetSpec, isolation: IsolationLevel
    ) -> dict[tuple[str, int], int | BrokerError]:
        admin, timeout_s = self._connection.admin, self._connection.config.timeout_s
        asked = []
        async for part in chunks(partitions, OFFSETS_AT_ONCE):
            if part:
                wanted = {KafkaTopicPartition(topic, number): spec for topic, number in part}
                asked.append(admin.list_offsets(wanted, isolation_level=isolation, request_timeout=timeout_s))
        answers: dict[tuple[str, int], int | BrokerError] = {}
        for futures in asked:
            await settled(futures.values())
            for place, future in futures.items():
                try:
                    answers[place.topic, place.partition] = known_offset(future.result().offset)
                except KafkaException as error:
                    answers[place.topic, place.partition] = self._connection.refusal(error, place.topic)
        return answers

    async def _explain(self, refusal: BrokerError, name: str) -> None:
        """Raise why offsets cannot be had: librdkafka finds no leader, also where there is no topic any more."""
        if isinstance(refusal, ClusterUnavailable) and name not in await self.ids_and_sizes([name]):
            raise UnknownTopic(name)
        raise refusal

    async def _id_and_size(self, name: str) -> tuple[UUID, int]:
        _check(name)
        sizes = await self.ids_and_sizes([name])
        if name not in sizes:
            self.forget(name)
            raise UnknownTopic(name)
        return sizes[name]

    async def _shape(self, name: str) -> Shape:
        shapes = await self._shapes_of({name: await self._id_and_size(name)})
        if name not in shapes:
            raise UnknownTopic(name)
        return shapes[name]

    async def _shapes_of(self, sizes: Mapping[str, tuple[UUID, int]]) -> dict[str, Shape]:
        """Ask for the configs of topics; one that is deleted meanwhile is left out."""
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in sizes]
        if not resources:
            return {}
        admin, timeout_s = self._connection.admin, self._connection.config.timeout_s
        futures = admin.describe_configs(resources, request_timeout=timeout_s)
        await settled(futures.values())
        shapes = {}
        pace = Pace(CONFIGS_AT_ONCE)
        for resource, future in futures.items():
            await pace.step()
            name = resource.name
            try:
                entries = future.result()
            except KafkaException as error:
                refusal = self._connection.refusal(error, name)
                if isinstance(refusal, UnknownTopic):
                    self.forget(name)
                    continue
                raise refusal from error
            texts = {entry.name: entry.value or "" for entry in entries.values()}
            shapes[name] = Shape(name, *sizes[name], config_of(entries.values()), texts, time.monotonic())
            self._shapes[name] = shapes[name]
        return shapes

    async def _starts_and_ends(
        self, partitions: Sequence[tuple[str, int]]
    ) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
        return await asyncio.gather(
            self.list_offsets(partitions, OffsetSpec.earliest()), self.list_offsets(partitions, OffsetSpec.latest())
        )

    async def _describe(self, name: str) -> TopicDescription:
        shape = await self._shape(name)
        partitions = [(name, number) for number in range(shape.partitions)]
        return _description(shape, *await self._starts_and_ends(partitions))

    async def _bounds(self, name: str) -> Bounds:
        asked_at_s = time.monotonic()
        topic_id, count = await self._id_and_size(name)
        partitions = [(name, number) for number in range(count)]
        starts, ends = await self._starts_and_ends(partitions)
        found = [starts[place] for place in partitions], [ends[place] for place in partitions]
        if len(self._last_bounds) >= BOUNDS_KEPT:
            self._last_bounds.clear()
        self._last_bounds[name] = bounds = Bounds(topic_id, *found, asked_at_s)
        return bounds


def config_of(entries: Iterable[ConfigEntry]) -> TopicConfig:
    """Read a cluster's configs as ours; what only the cluster knows is kept as text where it was set for the topic."""
    parsed: dict[str, Any] = {}
    others: dict[str, str] = {}
    overrides = set()
    for entry in entries:
        text = entry.value or ""
        is_set = ConfigSource(entry.source) is ConfigSource.DYNAMIC_TOPIC_CONFIG
        if is_set:
            overrides.add(entry.name)
        definition = CONFIGS.get(entry.name)
        if definition is not None:
            try:
                parsed[definition.attribute] = definition.parse(text)
                continue
            except ValueError:  # what we refuse, such as cleanup.policy without a word
                is_set = True
        if is_set:
            others[entry.name] = text
    return TopicConfig(**parsed, inert=tuple(sorted(others.items())), overrides=frozenset(overrides))


def _check(name: str) -> None:
    try:
        check_name(name)
    except InvalidTopic:
        raise UnknownTopic(name) from None


def _description(
    shape: Shape, starts: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int]
) -> TopicDescription:
    partitions = tuple(
        PartitionDescription(number, starts[shape.name, number], ends[shape.name, number])
        for number in range(shape.partitions)
    )
    count = sum(bounds.high_watermark - bounds.log_start_offset for bounds in partitions)
    return TopicDescription(shape.name, shape.topic_id, shape.config, partitions, count)
