"""Another program's names for settings: what they stand for, and which of several counts."""

import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from mini_kafka_shared.other_names import OtherName, OtherNames
from mini_kafka_shared.settings import Settings, load


class Clock(Settings):
    """A clock."""

    model_config = SettingsConfigDict(env_prefix="CLOCK_")
    other_names = OtherNames(
        flag="config",
        prefix="BELL_",
        names={
            "chime.hours": OtherName("chime_ms", 3_600_000),
            "chime.ms": OtherName("chime_ms"),
            "is.loud": OtherName("is_loud"),
        },
        without_effect=frozenset({"bell.maker"}),
    )

    chime_ms: int = Field(default=5, ge=-1, description="When to chime.")
    is_loud: bool = Field(default=True, description="How to chime.")


def clock(*argv: str, **environ: str) -> Clock:
    return load(Clock, argv, prog="clock", description="", environ=environ).settings


def test_the_own_flag_comes_before_the_other_name_and_that_before_the_own_variable_and_that_before_the_other() -> None:
    every = {"CLOCK_CHIME_MS": "3", "BELL_CHIME_MS": "4"}
    assert clock("--chime-ms", "1", "--config", "chime.ms=2", **every).chime_ms == 1
    assert clock("--config", "chime.ms=2", **every).chime_ms == 2
    assert clock(**every).chime_ms == 3
    assert clock(BELL_CHIME_MS="4").chime_ms == 4
    assert clock().chime_ms == 5


def test_of_several_names_the_last_one_in_the_table_counts() -> None:
    assert clock("--config", "chime.hours=2").chime_ms == 7_200_000
    assert clock("--config", "chime.ms=7", "--config", "chime.hours=2").chime_ms == 7
    assert clock(BELL_CHIME_HOURS="1", BELL_CHIME_MS="9").chime_ms == 9


def test_a_name_that_is_given_twice_has_its_last_value() -> None:
    assert clock("--config", "chime.ms=7", "--config", "chime.ms=8").chime_ms == 8


def test_a_factor_leaves_what_is_no_count_as_it_is() -> None:
    assert clock("--config", "chime.hours=-1").chime_ms == -1


def test_truth_values_are_written_as_the_other_program_writes_them() -> None:
    assert clock("--config", "is.loud=false").is_loud is False


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert clock(BELL_CHIME_MS="").chime_ms == 5


def test_a_name_that_nobody_knows_is_a_warning_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    clock("--config", "chime.mss=7", BELL_IS_LOUDER="1", BELL_XYLOPHONE="1")
    assert capsys.readouterr().err.splitlines() == [
        "clock: warning: --config chime.mss has no effect here; did you mean chime.ms?",
        "clock: warning: BELL_IS_LOUDER has no effect here; did you mean BELL_IS_LOUD?",
        "clock: warning: BELL_XYLOPHONE has no effect here",
    ]


def test_a_name_that_is_known_to_mean_nothing_is_silent_and_so_is_what_kubernetes_sets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock(
        "--config", "bell.maker=x", BELL_BELL_MAKER="x", BELL_SERVICE_HOST="h", BELL_PORT="tcp://h", BELL_PORT_9_TCP="t"
    )
    assert capsys.readouterr().err == ""


def test_what_is_no_name_and_value_is_refused_beside_every_other_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        clock("--config", "chime.ms", "--config", "is.loud=perhaps", BELL_CHIME_MS="-5")
    not_a_pair, chime, loud = capsys.readouterr().err.splitlines()
    assert not_a_pair == "clock: --config: 'chime.ms' is not NAME=VALUE"
    assert chime.startswith("clock: --chime-ms (CLOCK_CHIME_MS): '-5' from the environment BELL_CHIME_MS should be")
    assert loud.startswith(
        "clock: --is-loud (CLOCK_IS_LOUD): 'perhaps' from the command line (--config is.loud) should"
    )


def test_the_source_of_a_value_is_shown() -> None:
    loaded = load(Clock, ["--config", "is.loud=true"], prog="clock", description="", environ={"BELL_CHIME_HOURS": "1"})
    assert loaded.sources == {
        "chime_ms": "environment BELL_CHIME_HOURS",
        "is_loud": "command line (--config is.loud)",
    }


def test_variables_are_named_as_the_official_image_does() -> None:
    names = OtherNames("config", "KAFKA_", {})
    assert names.variable("num.partitions") == "KAFKA_NUM_PARTITIONS"
    assert names.variable("a_b.c-d") == "KAFKA_A__B_C___D"
