"""The `mini-kafka` command."""

import logging
import sys

from mini_kafka import bootstrap
from mini_kafka.http_api.server import CannotListen
from mini_kafka.settings import BrokerSettings
from mini_kafka_shared.logging_setup import set_up_logging
from mini_kafka_shared.settings import load


def main() -> None:
    """Read the settings and run a broker until it is told to stop."""
    settings = load(
        BrokerSettings,
        sys.argv[1:],
        prog="mini-kafka",
        description="Run a Mini Kafka broker: topics in RAM, spoken to over HTTP.",
    ).settings
    set_up_logging(settings.log_level)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    try:
        bootstrap.run_until_stopped(settings)
    except CannotListen as error:
        sys.exit(f"mini-kafka: {error}")


if __name__ == "__main__":
    main()
