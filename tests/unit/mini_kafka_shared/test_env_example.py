"""`.env.example` is what the settings classes say.

`python tests/unit/mini_kafka_shared/test_env_example.py` writes it anew.
"""

from pathlib import Path

from mini_kafka.copying.settings import CopySettings
from mini_kafka.settings import BrokerSettings
from mini_kafka_consumer.settings import ConsumerSettings
from mini_kafka_producer.settings import ProducerSettings
from mini_kafka_shared.settings import env_example

FILE = Path(__file__).parents[3] / ".env.example"

HEADER = """\
# Every setting of Mini Kafka, with its default. Copy this file to .env and take the # away in front of what you
# want to change: docker compose reads it. Outside containers, set the variables, or give the flags of the same
# name (MINI_KAFKA_HTTP_PORT is mini-kafka --http-port).
# Written by python tests/unit/mini_kafka_shared/test_env_example.py: change the settings classes instead.
# The file is over 400 lines because each setting is in it, with what it is for.

## docker compose

# Where compose publishes the HTTP API, the broker's or in docker-compose.kafka.yml the proxy's: address and port.
# PUBLISHED_HTTP=127.0.0.1:8000

# Where compose publishes the port for Kafka clients, and what it tells the broker to tell them.
# PUBLISHED_KAFKA=127.0.0.1:9092

# Where docker compose --profile observability publishes Prometheus and Grafana.
# PUBLISHED_PROMETHEUS=127.0.0.1:9090
# PUBLISHED_GRAFANA=127.0.0.1:3000

# The tag of the project's images.
# IMAGE_TAG=latest

# Compose has defaults of its own for some settings below: CONSUMER_GROUP=workers, so that the copies of
# --scale consumer=3 share the records (CONSUMER_GROUP= , empty, gives each copy every record), and
# MINI_KAFKA_LOG_RETENTION_BYTES=67108864, 64 MiB, so that a producer that never ends does not fill the broker.
# Between its containers it settles MINI_KAFKA_HOST, MINI_KAFKA_HTTP_PORT, MINI_KAFKA_KAFKA_PORT,
# MINI_KAFKA_PUBLISHED_KAFKA and BROKER_URL itself. A file that PRODUCER_INPUT or CONSUMER_OUTPUT names must be
# mounted into the container.

"""


def expected() -> str:
    return HEADER + env_example([BrokerSettings, ProducerSettings, ConsumerSettings, CopySettings])


def test_env_example_lists_every_setting_with_its_default() -> None:
    assert FILE.read_text(encoding="utf-8") == expected()


def test_copying_env_example_changes_nothing() -> None:
    assert [line for line in expected().splitlines() if line and not line.startswith("#")] == []


if __name__ == "__main__":
    FILE.write_text(expected(), encoding="utf-8")
