"""Writes `docs/compatibility.md` from what the code and the tests know: clients, APIs, configs, differences.

`make compat` runs the clients first. This runs nothing: versions come from the pinned requirements, APIs from the
registry, and a test holds the document equal to what this would write.
"""

from collections.abc import Iterable
from pathlib import Path

from mini_kafka.core.inert_configs import INERT_CONFIGS
from mini_kafka.core.topic_config import CONFIGS
from mini_kafka.kafka_wire.config_answers import topic_names
from mini_kafka.kafka_wire.handlers.api_18_api_versions import FEATURES
from mini_kafka.kafka_wire.registry import APIS
from tests.compat.clients import APACHE_KAFKA_VERSION, ROOT, clients
from tests.compat.differential.differences import ALLOWED, BOUNDED

DOCUMENT = ROOT / "docs" / "compatibility.md"

_TEXT = """\
# Compatibility

<!-- written by make compat: change tests/compat/document.py, or what it reads -->

To a Kafka client Mini Kafka is an Apache Kafka {version} of one node. [The README](../README.md#kafka-clients) says how
to point a client at it.

## Clients

Tests run these clients against a broker, and compare what they did with what the HTTP API shows. Where Docker or a
client is missing they are skipped with the reason, and in CI they fail.

{clients}

[What the clients found](../tests/compat/FINDINGS.md) says which tools work, and what is different for their users.

## APIs

The versions are those of Apache Kafka {version}, but for what is [left
out](../services/broker/mini_kafka/kafka_wire/SKIPPED.md): transactions, the consumer protocol of KIP-848, share groups,
authentication and access rights.

{apis}

## Features

{features}

Tools read the release of the cluster from it. The other features of Apache Kafka {version} are at level 0, as in a
cluster in which nobody has turned them on: a client that found them would believe in what they stand for.

| feature | stands for |
| --- | --- |
| `group.version` | consumer groups of KIP-848 |
| `share.version`, `streams.version` | share groups (KIP-932), streams groups (KIP-1071) |
| `transaction.version` | transactions, and which way they are defended (KIP-890) |
| `eligible.leader.replicas.version` | replicas that may lead a partition (KIP-966); there are none |
| `kraft.version` | a quorum of controllers that can change (KIP-853); there is none |

## Changes while the broker runs

These configs of the broker are the defaults of topics. `kafka-configs --alter --entity-type brokers` changes them
with `--entity-name 1` for this broker, which counts first, and with `--entity-default` for every broker. A restart
forgets it. Whatever else Kafka changes while it runs has no effect here, and is refused as what is read-only is.

{changeable}

## Configs without effect

These configs of a topic are about files and replicas. They are checked, kept and shown, and change nothing in RAM; the
broker's defaults of them can be changed as well.

{configs}

## Differences from Apache Kafka

The same requests go to both brokers, and the answers are compared field by field. They may differ where a pattern
matches the script, the step and the field, and for this reason:

{differences}

Some bounds are other ones, so that no client can use up what others need:

{bounds}
"""


def written() -> str:
    """Make the document's text."""
    return _TEXT.format(
        version=APACHE_KAFKA_VERSION,
        clients=_table(
            ("client", "language", "version", "what the tests do", "in"),
            ((it.name, it.language, it.version, it.proves, _links(it.tests)) for it in clients()),
        ),
        apis=_table(
            ("key", "API", "versions"),
            ((str(it.key), it.name, _range(it.lowest, it.highest)) for it in APIS.values()),
        ),
        features=_table(
            ("feature", "levels", "in force"),
            ((f"`{it.name}`", _range(it.lowest, it.highest), str(it.level)) for it in FEATURES),
        ),
        changeable=_table(
            ("config", "every topic's"),
            ((f"`{name}`", f"`{topic}`") for name, topic in sorted(topic_names().items()) if topic in CONFIGS),
        ),
        configs=_table(
            ("config", "type", "default", "takes"),
            (
                (f"`{name}`", it.kind, f"`{it.default}`" if it.default else "", it.allowed)
                for name, it in INERT_CONFIGS.items()
            ),
        ),
        differences="\n".join(f"- `{it.place}`: {it.reason}" for it in ALLOWED),
        bounds="\n".join(f"- {it}" for it in BOUNDED),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _links(tests: Iterable[str]) -> str:
    return ", ".join(f"[{Path(test).stem}](../{test})" for test in tests)


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


if __name__ == "__main__":
    DOCUMENT.write_text(written())
