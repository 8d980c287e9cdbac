"""Mini Kafka answers as Apache Kafka 4.3.1 does, but for the differences that are listed with their reasons.

Kafka's answers are kept in `recorded/`; with APACHE_KAFKA=HOST:PORT they are asked for anew.
"""

import json
import os
from collections.abc import Iterator

import pytest

from tests.compat.differential.brokers import apache_kafka, mini_kafka, running_mini_kafka
from tests.compat.differential.differences import differences
from tests.compat.differential.record import SCRIPTS, answers_of, path_of


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    """Run one broker for all scripts."""
    with running_mini_kafka() as addresses:
        yield addresses


@pytest.mark.parametrize("script", SCRIPTS)
def test_answers_are_those_of_apache_kafka(script: str, addresses: tuple[str, str]) -> None:
    apache = os.environ.get("APACHE_KAFKA")
    if apache is None:
        theirs = json.loads(path_of(script).read_text())
    else:
        with apache_kafka(apache) as broker:
            theirs = answers_of(broker, script)
    with mini_kafka(*addresses) as broker:
        ours = answers_of(broker, script)
    found = list(differences(script, ours, theirs))
    assert not found, "\n".join(found)
