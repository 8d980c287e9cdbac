"""What can be asked of Metadata, DescribeCluster, DescribeTopicPartitions, FindCoordinator and ApiVersions."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.compat.differential.script import Broker, Step


def metadata(
    broker: Broker, topics: Sequence[tuple[str | None, Any]] | None, version: int, *, create: bool = False,
    operations: bool = False,
) -> Any:  # fmt: skip
    """Ask for topics by names and ids."""
    named = None if topics is None else [{"name": name, "topic_id": topic_id} for name, topic_id in topics]
    answer = broker.ask(
        "metadata", version, topics=named, allow_auto_topic_creation=create,
        include_topic_authorized_operations=operations, include_cluster_authorized_operations=operations,
    )  # fmt: skip
    if isinstance(answer, dict):
        answer["topics"].sort(key=str)
    return answer


def about_metadata(broker: Broker) -> Iterator[Step]:
    """Ask for topics that are there and are not, in every version."""
    topic = broker.topic("described", 2)
    topic_id, strange = broker.id_of(topic), broker.id_of("is-not-there")
    for version in range(14):
        yield f"a topic in version {version}", metadata(broker, [(topic, None)], version)
        yield f"with operations in version {version}", metadata(broker, [(topic, None)], version, operations=True)
        if version >= 4:  # earlier ones cannot forbid to create it
            yield f"an unknown topic in version {version}", metadata(broker, [("is-not-there", None)], version)
        for bad in ("", ".", "a b", "x" * 250):
            yield f"the name {bad[:5]!r} in version {version}", metadata(broker, [(bad, None)], version)
        if version:
            yield f"no topics in version {version}", metadata(broker, [], version)
        if version >= 10:
            for why, asked in {
                "an id": (None, topic_id), "an unknown id": (None, strange), "a name and its id": (topic, topic_id),
                "a name and a strange id": (topic, strange), "neither": (None, None),
            }.items():  # fmt: skip
                yield f"{why} in version {version}", metadata(broker, [asked], version)
            yield (
                f"a name and an id at once in version {version}",
                metadata(broker, [(topic, None), (None, topic_id)], version),
            )
    yield "a topic twice", metadata(broker, [(topic, None), (topic, None)], 9)
    yield "an unknown topic twice", metadata(broker, [("is-not-there", None)] * 2, 12)
    for bad in ("", ".", "a b", "x" * 250):
        yield f"create {bad[:5]!r}", metadata(broker, [(bad, None)], 12, create=True)


def about_the_cluster(broker: Broker) -> Iterator[Step]:
    """Ask who is in the cluster."""
    for version in range(3):
        for operations in (False, True):
            for endpoint in (1, 2, 0, 9):
                yield (
                    f"endpoints {endpoint} in version {version}, operations {operations}",
                    broker.ask(
                        "describe_cluster", version, include_cluster_authorized_operations=operations,
                        endpoint_type=endpoint, include_fenced_brokers=False,
                    ),
                )  # fmt: skip
    yield (
        "with fenced brokers",
        broker.ask(
            "describe_cluster", 2, include_cluster_authorized_operations=False, endpoint_type=1,
            include_fenced_brokers=True,
        ),
    )  # fmt: skip


def about_partitions(broker: Broker) -> Iterator[Step]:
    """Ask for topics in pages."""
    first, second = sorted([broker.topic("paged", 3), broker.topic("pages", 2)])

    def ask(names: Sequence[str], limit: int = 2000, cursor: tuple[str, int] | None = None) -> Any:
        where = None if cursor is None else {"topic_name": cursor[0], "partition_index": cursor[1]}
        topics = [{"name": name} for name in names]
        return broker.ask("describe_topic_partitions", 0, topics=topics, response_partition_limit=limit, cursor=where)

    for limit in (2000, 1, 3, 4, 5, 0, -1):
        yield f"{limit} of two topics", ask([second, first], limit)
    for index in (0, 1, 2, 3, 9, -1):
        yield f"from partition {index} of the first", ask([first, second], 2, (first, index))
        yield f"from partition {index} of the second", ask([first, second], 2, (second, index))
        yield f"from partition {index} of none", ask([first, second], 2, ("is-not-there", index))
    yield "a cursor behind all", ask([first, second], 2, ("zzz", 0))
    yield "an unknown topic", ask(["is-not-there"])
    yield "an unknown topic and one", ask(["is-not-there", first], 1)
    yield "one twice", ask([first, first])
    for bad in ("", ".", "a b", "x" * 250):
        yield f"the name {bad[:5]!r}", ask([bad])
        yield f"the name {bad[:5]!r} and one", ask([bad, first])


def about_coordinators(broker: Broker) -> Iterator[Step]:
    """Ask who coordinates."""
    broker.ask("find_coordinator", 4, key_type=0, coordinator_keys=["warm-up"])
    for version in range(7):
        for kind in (0, 2, 9, -1):
            for key in ("group", "", "a b", "a:b:0"):
                answer = broker.ask("find_coordinator", version, key=key, key_type=kind, coordinator_keys=[key])
                yield f"type {kind}, key {key!r} in version {version}", answer
        if version >= 4:
            for keys in ([], ["a", "b"], ["a", "a"]):
                answer = broker.ask("find_coordinator", version, key_type=0, coordinator_keys=keys)
                yield f"keys {keys} in version {version}", answer


def about_versions(broker: Broker) -> Iterator[Step]:
    """Ask what the broker can."""
    named = (("raw", "1.0"), ("", "1"), ("a b", "1"), ("raw", ""), ("-raw", "1"), ("r.a-w", "1.0-x"))
    for version in range(5):
        for name, release in named if version >= 3 else named[:1]:
            answer = broker.ask("api_versions", version, client_software_name=name, client_software_version=release)
            answer["api_keys"] = {
                str(it["api_key"]): {"lowest": it["min_version"], "highest": it["max_version"]}
                for it in answer["api_keys"]
            }
            for features in ("supported_features", "finalized_features"):
                answer[features] = {it["name"]: it for it in answer.get(features, ())}
            yield f"{name!r} {release!r} in version {version}", answer


SCRIPTS = {
    "metadata": about_metadata, "describe cluster": about_the_cluster, "describe topic partitions": about_partitions,
    "find coordinator": about_coordinators, "api versions": about_versions,
}  # fmt: skip
