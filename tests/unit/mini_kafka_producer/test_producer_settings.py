"""The producer's settings: the guide's flags, the rate that suits the source, and what makes no sense."""

import pytest

from mini_kafka_producer.settings import GENERATOR_RATE, ProducerSettings
from mini_kafka_shared.settings import load


def settings(*argv: str, **environ: str) -> ProducerSettings:
    return load(ProducerSettings, argv, prog="producer", description="", environ=environ).settings


def test_the_guide_s_flags_are_there() -> None:
    given = settings("--broker", "http://b:1", "--topic", "t", "--count", "3", "--producer-id", "p")

    assert (given.broker, given.topic, given.count, given.producer_id) == ("http://b:1", "t", 3, "p")


def test_every_flag_is_a_variable_too() -> None:
    from_flags = settings("--broker", "http://b:1", "--topic", "t", "--rate", "3", "--producer-id", "p", "--key", "k",
                          "--batch", "500", "--linger-ms", "20")  # fmt: skip

    assert from_flags == settings(
        BROKER_URL="http://b:1", PRODUCER_TOPIC="t", PRODUCER_RATE="3", PRODUCER_ID="p", PRODUCER_KEY="k",
        PRODUCER_BATCH="500", PRODUCER_LINGER_MS="20",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "rate"),
    [
        ((), GENERATOR_RATE),
        (("--rate", "0"), 0.0),
        (("--rate", "7"), 7.0),
        (("--input", "-"), 0.0),
        (("--input", "x.txt"), 0.0),
        (("--input", "x.txt", "--rate", "20"), 20.0),
    ],
)
def test_only_the_endless_generator_has_a_rate_by_default(argv: tuple[str, ...], rate: float) -> None:
    assert settings(*argv).messages_per_second == rate


@pytest.mark.parametrize("argv", [("--follow",), ("--follow", "--input", "-")])
def test_follow_needs_a_file(capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        settings(*argv)

    assert capsys.readouterr().err.splitlines() == [
        "producer: --follow (PRODUCER_FOLLOW): True from the command line needs a file to follow: give --input PATH"
    ]


@pytest.mark.parametrize(
    "argv",
    [
        ("--count", "-1"),
        ("--rate", "-1"),
        ("--rate", "inf"),
        ("--rate", "nan"),
        ("--broker-wait", "-1"),
        ("--batch", "0"),
        ("--batch", "10001"),
        ("--linger-ms", "-1"),
        ("--linger-ms", "86400001"),
        ("--topic", ".."),
        ("--producer-id", "a b"),
        ("--key", "\udcff"),
        ("--log-level", "loud"),
    ],
)
def test_a_value_out_of_range_is_refused(capsys: pytest.CaptureFixture[str], argv: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as ended:
        settings(*argv)

    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"producer: {argv[0]} (PRODUCER_")
