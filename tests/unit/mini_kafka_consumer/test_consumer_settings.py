"""The consumer's settings: the guide's flags, and what makes no sense."""

import pytest

from mini_kafka_consumer.settings import ConsumerSettings
from mini_kafka_shared.settings import load


def settings(*argv: str, **environ: str) -> ConsumerSettings:
    return load(ConsumerSettings, argv, prog="consumer", description="", environ=environ).settings


def test_the_guide_s_flags_are_there() -> None:
    given = settings("--broker", "http://b:1", "--topic", "t", "--consumer-id", "c", "--poll-interval", "0.5")

    assert (given.broker, given.topic, given.consumer_id, given.poll_interval) == ("http://b:1", "t", "c", 0.5)


def test_every_flag_is_a_variable_too() -> None:
    from_flags = settings(
        *("--broker", "http://b:1", "--topic", "t", "--consumer-id", "c", "--group", "g", "--output", "-"),
        *("--max-messages", "5", "--exit-on-idle", "2", "--at-most-once", "--max-poll-records", "7"),
        *("--lock-ms", "900", "--retry-backoff-ms", "50"),
    )

    assert from_flags == settings(
        BROKER_URL="http://b:1",
        CONSUMER_TOPIC="t",
        CONSUMER_ID="c",
        CONSUMER_GROUP="g",
        CONSUMER_OUTPUT="-",
        CONSUMER_MAX_MESSAGES="5",
        CONSUMER_EXIT_ON_IDLE="2",
        CONSUMER_AT_MOST_ONCE="true",
        CONSUMER_MAX_POLL_RECORDS="7",
        CONSUMER_LOCK_MS="900",
        CONSUMER_RETRY_BACKOFF_MS="50",
    )


def test_an_empty_group_is_no_group() -> None:
    assert settings(CONSUMER_GROUP="").group is None


@pytest.mark.parametrize(
    "argv",
    [
        ("--poll-interval", "0"),
        ("--poll-interval", "nan"),
        ("--exit-on-idle", "-1"),
        ("--max-messages", "-1"),
        ("--max-poll-records", "0"),
        ("--max-poll-records", "10001"),
        ("--lock-ms", "99"),
        ("--lock-ms", "86400001"),
        ("--retry-backoff-ms", "-1"),
        ("--group", "a b"),
        ("--consumer-id", "é"),
    ],
)
def test_a_value_out_of_range_is_refused(capsys: pytest.CaptureFixture[str], argv: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as ended:
        settings(*argv)

    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"consumer: {argv[0]} (CONSUMER_")
