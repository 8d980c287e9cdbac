"""The `mini-kafka` command: settings, logging, one broker until a signal."""

import logging
import sys

from mini_kafka import bootstrap
from mini_kafka.cluster_settings import CannotUseCluster
from mini_kafka.listening import CannotListen
from mini_kafka.settings import BrokerSettings
from mini_kafka_shared.logging_setup import quiet_exit, set_up_logging
from mini_kafka_shared.settings import load


def main() -> int:
    """Read the settings, run a broker until it is told to stop, and return the exit code."""
    settings = load(
        BrokerSettings,
        sys.argv[1:],
        prog="mini-kafka",
        description="Run a Mini Kafka broker: topics in RAM, spoken to over HTTP and by Kafka clients. "
        "`mini-kafka copy --help`: copy topics from one broker to another.",
    ).settings
    set_up_logging(settings.log_level, log_format=settings.log_format)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return quiet_exit(lambda: run(settings))


def run(settings: BrokerSettings) -> int:
    """Run a broker, and say in a sentence why it cannot be."""
    try:
        bootstrap.run_until_stopped(settings)
    except (CannotListen, CannotUseCluster) as error:
        print(f"mini-kafka: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0
