"""The clients that the tests run, and where their versions stand: the list behind `docs/compatibility.md`."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
APACHE_KAFKA_VERSION = "4.3.1"
APACHE_KAFKA_IMAGE = f"apache/kafka:{APACHE_KAFKA_VERSION}"


@dataclass(frozen=True)
class Client:
    """A client, its version as far as we choose it, what its tests do, and the files in which they stand."""

    name: str
    language: str
    version: str
    proves: str
    tests: tuple[str, ...]


def clients() -> tuple[Client, ...]:
    """List the clients with the versions that are pinned now."""
    in_processes = tuple(f"tests/compat/test_{what}.py" for what in ("log_clients", "consumer_groups", "admin_clients"))
    by_command = ("tests/compat/test_other_languages.py",)
    codecs = "gzip, snappy, lz4 and zstd"
    library = (
        "idempotence, headers, times, large records; groups whose members join, leave, crash, freeze "
        "and start anew; "
        "commits of every kind; administration"
    )
    return (
        Client(
            "confluent-kafka (librdkafka)",
            "Python, C",
            _python_version("confluent-kafka"),
            f"{codecs}; {library}",
            in_processes,
        ),
        Client("kafka-python", "Python", _python_version("kafka-python"), f"{codecs}; {library}", in_processes),
        Client("aiokafka", "Python", _python_version("aiokafka"), f"{codecs}; {library}", in_processes),
        Client(
            "Apache Kafka's command-line tools",
            "Java",
            APACHE_KAFKA_VERSION,
            "topics, configs, console and verifiable clients, consumer groups, offsets, deleted records, performance",
            ("tests/compat/test_jvm_tools.py",),
        ),
        Client(
            "kcat (librdkafka)",
            "C",
            "the distribution's",
            f"{codecs}; groups; lists topics, which it creates by producing",
            by_command,
        ),
        Client("kafkajs", "JavaScript", _npm_version("kafkajs"), "gzip; groups; creates and lists topics", by_command),
        Client(
            "sarama",
            "Go",
            _go_version("github.com/IBM/sarama"),
            f"{codecs}; groups; creates and lists topics",
            by_command,
        ),
    )


def _python_version(package: str) -> str:
    return _found(rf"^{package}==(\S+)", ROOT / "requirements-dev.txt")


def _npm_version(package: str) -> str:
    return str(json.loads((HERE / "javascript" / "package.json").read_text())["dependencies"][package])


def _go_version(module: str) -> str:
    return _found(rf"^\s*(?:require )?{re.escape(module)} v(\S+)", HERE / "go" / "go.mod")


def _found(pattern: str, file: Path) -> str:
    match = re.search(pattern, file.read_text(), re.MULTILINE)
    if match is None:
        raise ValueError(f"{file} has no line {pattern}")
    return match[1]
