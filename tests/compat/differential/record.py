"""Asks an Apache Kafka everything that the scripts ask, and keeps its answers beside them.

python -m tests.compat.differential.record 127.0.0.1:9092 [SCRIPT …]
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.compat.differential import (
    broker_configs_script,
    cluster_script,
    configs_script,
    fetch_script,
    group_scripts,
    offsets_script,
    produce_script,
    topics_script,
)
from tests.compat.differential.brokers import apache_kafka
from tests.compat.differential.script import Broker

SCRIPTS = {
    name: script
    for room in (
        produce_script, fetch_script, offsets_script, group_scripts, topics_script, configs_script, cluster_script,
        broker_configs_script,
    )
    for name, script in room.SCRIPTS.items()
}  # fmt: skip
RECORDED = Path(__file__).parent / "recorded"
LOG_DIR = "/kafka/data"
"""What stands for the directory in which the asked broker keeps its log: that is its machine's affair."""


def answers_of(broker: Broker, script: str) -> dict[str, Any]:
    """Run a script, and give the answer to each step; a step's name stands once."""
    steps = list(SCRIPTS[script](broker))
    answers = dict(steps)
    assert len(answers) == len(steps), f"a step of {script} has the name of another"
    return answers


def path_of(script: str) -> Path:
    """Say where a script's answers are kept."""
    return RECORDED / f"{script.replace(' ', '_')}.json"


def main() -> None:
    """Write one file for each script, or for those that are named."""
    RECORDED.mkdir(exist_ok=True)
    for script in sys.argv[2:] or SCRIPTS:
        with apache_kafka(sys.argv[1]) as broker:
            lines = [f"{json.dumps(name)}: {json.dumps(it)}" for name, it in answers_of(broker, script).items()]
            found = broker.ask_exactly("describe_log_dirs", 4, topics=None)["results"]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        for one in found:
            text = text.replace(one["log_dir"], LOG_DIR)
        path_of(script).write_text(text)


if __name__ == "__main__":
    main()
