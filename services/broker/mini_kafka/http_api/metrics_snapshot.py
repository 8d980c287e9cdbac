"""What /metrics is about to show, taken from the engine and the listeners in slices, so that requests go on.

A copy that nobody changes any more: it becomes text on a thread. How many partitions are shown has a limit, because
each is a line of every scrape for good; the totals count all of them. A gateway whose cluster is away shows itself all
the same, and no topics and groups.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mini_kafka.core.errors import ClusterUnavailable, GroupNotFound
from mini_kafka.engine.pace import Pace
from mini_kafka.engine.port import Caller, Engine, EngineUsage, GroupDescription, TopicDescription
from mini_kafka.http_api.bounds import Bounds
from mini_kafka.measures import Durations, Measures

ROWS_AT_ONCE = 200
"""Partitions that are looked at before others get their turn: about a millisecond."""
CLUSTER_S = 4.0
"""How long a cluster may take to tell of its topics and groups: a scraper gives up after 5 or 10 s."""
GROUPS_AT_ONCE = 32
"""Groups that are described at the same time: a gateway has to ask a cluster about each."""


@dataclass(frozen=True, slots=True)
class TrafficSnapshot:
    """What one listener had to do until now: durations and statuses by the values of its labels."""

    listener: str
    labels: tuple[str, ...]
    connections: int
    durations: dict[tuple[str, ...], Durations]
    statuses: dict[tuple[str, ...], dict[str | int, int]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The broker at one moment, or close to it; `log` is None where a cluster did not tell in time."""

    engine: str
    ready: bool
    usage: EngineUsage
    log: "LogSnapshot | None"
    streams: int
    streams_limit: int
    buffered_bytes: int
    buffered_bytes_limit: int
    loop_lag: Durations
    traffic: Sequence[TrafficSnapshot]


@dataclass(frozen=True, slots=True)
class LogSnapshot:
    """Topics and groups, those that are shown one by one, and how many there are."""

    topics: Sequence[TopicDescription]
    groups: Sequence[GroupDescription]
    topic_count: int
    partition_count: int
    group_count: int


async def take(engine: Engine, caller: Caller, bounds: Bounds, measures: Measures) -> Snapshot:
    """Look at everything once."""
    limits = bounds.limits
    log = await _log_in_time(engine, caller, limits.metrics_partitions)
    return Snapshot(
        engine=engine.name,
        ready=not engine.trouble and not bounds.draining,
        usage=await engine.usage(),
        log=log,
        streams=bounds.streams.held,
        streams_limit=limits.streams,
        buffered_bytes=bounds.buffered.held,
        buffered_bytes_limit=limits.buffered_body_bytes,
        loop_lag=measures.loop_lag.copy(),
        traffic=[
            TrafficSnapshot(
                traffic.listener,
                traffic.labels,
                len(traffic.connections),
                {kind: requests.durations.copy() for kind, requests in traffic.requests.items()},
                {kind: dict(requests.statuses) for kind, requests in traffic.requests.items()},
            )
            for traffic in measures.listeners
        ],
    )


async def _log_in_time(engine: Engine, caller: Caller, room: int) -> LogSnapshot | None:
    """Look at topics and groups, which a cluster that is away cannot tell of."""
    if engine.trouble:
        return None
    try:
        async with asyncio.timeout(CLUSTER_S if engine.gateway else None):
            return await _log(engine, caller, room)
    except (ClusterUnavailable, TimeoutError):
        return None


async def _log(engine: Engine, caller: Caller, room: int) -> LogSnapshot:
    topics = await engine.describe_topics(caller)
    names = [group.name for group in await engine.list_groups(caller)]
    return LogSnapshot(
        topics=_that_fit(topics, room),
        groups=await _describe(engine, caller, names, room),
        topic_count=len(topics),
        partition_count=sum(len(topic.partitions) for topic in topics),
        group_count=len(names),
    )


def _that_fit(topics: Sequence[TopicDescription], room: int) -> list[TopicDescription]:
    """Choose topics by name, each with all of its partitions or not at all."""
    chosen = []
    for topic in topics:
        if len(topic.partitions) <= room:
            room -= len(topic.partitions)
            chosen.append(topic)
    return chosen


async def _describe(engine: Engine, caller: Caller, names: Sequence[str], room: int) -> list[GroupDescription]:
    """Describe groups by name, each with all of its partitions or not at all, until there is room for no other."""
    pace = Pace(ROWS_AT_ONCE)
    chosen: list[GroupDescription] = []
    left = deque(names)
    while left and room:
        part = [left.popleft() for _ in range(min(GROUPS_AT_ONCE, room, len(left)))]
        for group in await asyncio.gather(*(_group_or_none(engine, caller, name) for name in part)):
            if group is not None:
                await pace.step(1 + len(group.partitions))
                if len(group.partitions) <= room:
                    room -= len(group.partitions)
                    chosen.append(group)
    return chosen


async def _group_or_none(engine: Engine, caller: Caller, name: str) -> GroupDescription | None:
    try:
        return await engine.describe_group(caller, name)
    except GroupNotFound:  # it went while the others were described
        return None
