"""Settings: who wins, what a wrong value says, and what a program shows of them."""

import re

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from mini_kafka.copying.settings import CopySettings
from mini_kafka.settings import BrokerSettings
from mini_kafka_consumer.settings import ConsumerSettings
from mini_kafka_producer.settings import ProducerSettings
from mini_kafka_shared import __version__
from mini_kafka_shared.settings import (
    BrokerUrl,
    CommaSeparated,
    KafkaName,
    KafkaNames,
    Loaded,
    Settings,
    env_example,
    environment_name,
    is_injected_by_kubernetes,
    load,
)

PROGRAMS = (BrokerSettings, ProducerSettings, ConsumerSettings, CopySettings)


class Lamp(Settings):
    """A lamp, which needs no broker."""

    model_config = SettingsConfigDict(env_prefix="LAMP_")

    broker: BrokerUrl = Field(default="http://here:1", validation_alias="BROKER_URL", description="Where it is.")
    http_port: int = Field(default=8000, ge=0, le=65535, description="The port; 100% free.")
    colours: CommaSeparated = Field(default=("red", "blue"), description="What it can show.")
    name: KafkaName | None = Field(default=None, description="Its name.")
    dim: bool = Field(default=False, description="Whether it is dim.")
    on: bool = Field(default=True, description="Whether it is on.")
    code: SecretStr | None = Field(default=None, min_length=4, description="Who may switch it.")
    watts: float = Field(default_factory=lambda: 1 / 3, description="A third unless told otherwise.")


def lamp(*argv: str, **environ: str) -> Loaded[Lamp]:
    return load(Lamp, argv, prog="lamp", description="A lamp.", environ=environ)


def refusal(capsys: pytest.CaptureFixture[str], *argv: str, **environ: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        lamp(*argv, **environ)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


def test_the_command_line_wins_over_the_environment_and_that_over_the_default() -> None:
    assert lamp().settings.http_port == 8000
    assert lamp(LAMP_HTTP_PORT="1").settings.http_port == 1
    assert lamp("--http-port", "2", LAMP_HTTP_PORT="1").settings.http_port == 2


def test_each_value_says_where_it_came_from() -> None:
    loaded = lamp("--no-on", BROKER_URL="http://there:2")

    assert loaded.sources["on"] == "command line"
    assert loaded.sources["broker"] == "environment BROKER_URL"
    assert loaded.sources["http_port"] == "default"
    assert loaded.settings == Lamp(on=False, broker="http://there:2")


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    loaded = lamp(LAMP_HTTP_PORT="", BROKER_URL="")

    assert loaded.settings == Lamp()
    assert set(loaded.sources.values()) == {"default"}


def test_settings_that_a_test_makes_do_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMP_HTTP_PORT", "1")

    assert Lamp().http_port == 8000


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        setattr(Lamp(), "http_port", 1)  # noqa: B010 (a plain assignment is what mypy forbids)


@pytest.mark.parametrize(("argv", "dim", "on"), [((), False, True), (("--dim", "--no-on"), True, False)])
def test_a_boolean_is_a_flag_without_a_value(argv: tuple[str, ...], dim: bool, on: bool) -> None:
    settings = lamp(*argv).settings

    assert (settings.dim, settings.on) == (dim, on)


def test_a_flag_turns_off_what_the_environment_turned_on() -> None:
    assert lamp(LAMP_DIM="true").settings.dim is True
    assert lamp("--no-dim", LAMP_DIM="true").settings.dim is False


def test_a_list_is_written_with_commas() -> None:
    assert lamp("--colours", "green, white,").settings.colours == ("green", "white")
    assert lamp(LAMP_COLOURS="green").settings.colours == ("green",)


def test_the_flag_of_a_list_may_be_given_often() -> None:
    assert lamp("--colours", "green", "--colours", "white,blue").settings.colours == ("green", "white", "blue")


class Path(Settings):
    """A way, whose ends have to be given."""

    model_config = SettingsConfigDict(env_prefix="PATH_")

    from_: KafkaName = Field(description="Where it begins; a word of Python's own.")
    via: KafkaNames = Field(default=(), description="What it passes.")


def test_a_field_named_like_a_word_of_python_has_a_flag_and_a_variable_without_the_underscore() -> None:
    def path(*argv: str, **environ: str) -> str:
        return load(Path, argv, prog="path", description="", environ=environ).settings.from_

    assert (path("--from", "a"), path(PATH_FROM="b")) == ("a", "b")
    assert "# PATH_FROM=\n" in env_example([Path])


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        ((), "--from (PATH_FROM): has to be given"),
        (
            ("--from", "a", "--via", "b,c d"),
            "--via (PATH_VIA): 'c d' from the command line is not a name: use 1 ",
        ),
    ],
)
def test_what_is_missing_or_one_wrong_name_of_a_list_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(SystemExit):
        load(Path, argv, prog="path", description="", environ={})

    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"path: {problem}")


def test_every_wrong_setting_gets_a_line_that_names_it_in_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    lines = refusal(
        capsys, "--http-port", "70000", "--nome", "x", LAMP_NAME="..", LAMP_COLOURS="a", BROKER_URL="here:1"
    )

    assert lines[0] == "lamp: unknown arguments: --nome; see --help"
    assert lines[1].startswith("lamp: --broker (BROKER_URL): 'here:1' from the environment is not the address")
    assert lines[2] == (
        "lamp: --http-port (LAMP_HTTP_PORT): '70000' from the command line should be less than or equal to 65535"
    )
    assert lines[3].startswith("lamp: --name (LAMP_NAME): '..' from the environment is not a name: use 1 to 249 ")
    assert len(lines) == 4


def test_pydantic_s_words_are_shortened_to_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, LAMP_HTTP_PORT="abc", LAMP_DIM="maybe") == [
        "lamp: --http-port (LAMP_HTTP_PORT): 'abc' from the environment should be a valid integer",
        "lamp: --dim (LAMP_DIM): 'maybe' from the environment should be a valid boolean",
    ]


@pytest.mark.parametrize(
    "url",
    [
        *("here", "ftp://here", "http://", "http://here/?a=b", "http://here:port", "http://here:70000", "http://[::1"),
        *("http://a b", "http://*", "http://exa_mple..x", "http://.", "http://[here]"),
    ],
)
def test_what_is_not_a_broker_s_address_is_refused(capsys: pytest.CaptureFixture[str], url: str) -> None:
    [line] = refusal(capsys, "--broker", url)

    assert line.endswith(f"{url!r} from the command line is not the address of a broker: write http://HOST:PORT")


@pytest.mark.parametrize(
    "url",
    [
        *("http://here", "https://here:8000/", "http://127.0.0.1:1/prefix", "http://[::1]:8000"),
        *("http://my_broker.example.org.", "http://[fe80::1%eth0]:1", "http://bücher.example"),
    ],
)
def test_a_broker_s_address_is_taken_as_it_is(url: str) -> None:
    assert lamp("--broker", url).settings.broker == url


def test_a_wrong_secret_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    [line] = refusal(capsys, "--code", "abc")

    assert line.startswith("lamp: --code (LAMP_CODE): the value from the command line should")
    assert "abc" not in line


def test_a_flag_without_its_value_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "--http-port") == ["lamp: argument --http-port: expected one argument; see --help"]


def test_a_flag_is_not_guessed_from_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "--http", "1") == ["lamp: unknown arguments: --http; see --help"]


@pytest.mark.parametrize("arguments", [("--pasword", "hunter2"), ("--pasword=hunter2",)])
def test_the_value_of_a_misspelt_flag_is_not_shown_for_it_may_be_a_password(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert refusal(capsys, *arguments) == ["lamp: unknown arguments: --pasword; see --help"]


def test_an_unknown_variable_gets_a_warning_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    lamp(LAMP_HTP_PORT="1", LAMP_ZZZ="2", OTHER="3")

    assert capsys.readouterr().err.splitlines() == [
        "lamp: warning: LAMP_HTP_PORT is not a setting; did you mean LAMP_HTTP_PORT?",
        "lamp: warning: LAMP_ZZZ is not a setting; see --help",
    ]


def test_variables_that_kubernetes_injects_get_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    lamp(LAMP_PORT="tcp://10.0.0.1:80", LAMP_PORT_80_TCP_ADDR="10.0.0.1", LAMP_SERVICE_HOST="10.0.0.1")

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_setting_has_a_name_that_kubernetes_injects(program: type[Settings]) -> None:
    names = [environment_name(program, name) for name in program.model_fields]

    assert [name for name in names if is_injected_by_kubernetes(program, name)] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_setting_has_a_description_and_a_prefix_or_a_name_of_its_own(program: type[Settings]) -> None:
    prefix = program.model_config["env_prefix"]

    for name, field in program.model_fields.items():
        assert field.description, name
        assert environment_name(program, name).startswith((prefix, "BROKER_URL"))


def test_print_config_shows_each_value_and_where_it_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        lamp("--print-config", "--code", "secret", "--watts", "2.5", LAMP_HTTP_PORT="1")

    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.split(r" {2,}", line) for line in lines] == [
        ["broker", "http://here:1", "default"],
        ["http-port", "1", "environment LAMP_HTTP_PORT"],
        ["colours", "red,blue", "default"],
        ["name", "(not set)", "default"],
        ["dim", "false", "default"],
        ["on", "true", "default"],
        ["code", "**********", "command line"],
        ["watts", "2.5", "command line"],
    ]
    assert len({line.index(line.split()[-1]) for line in lines if line.endswith("default")}) == 1


def test_print_config_of_wrong_settings_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(refusal(capsys, "--print-config", "--http-port", "-1")) == 1


def test_help_gives_each_setting_s_flag_variable_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        lamp("--help")

    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "--http-port N The port; 100% free. [LAMP_HTTP_PORT, default 8000]" in shown
    assert "[BROKER_URL, default http://here:1]" in shown


def test_version_is_the_project_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        lamp("--version")

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"lamp {__version__}\n"


def test_env_example_names_each_variable_once_and_sets_none() -> None:
    class Torch(Lamp):
        """A torch."""

        model_config = SettingsConfigDict(env_prefix="TORCH_")

    text = env_example([Lamp, Torch])

    assert text.count("BROKER_URL=") == 1
    assert "# The port; 100% free.\n# LAMP_HTTP_PORT=8000\n" in text
    assert "# TORCH_HTTP_PORT=8000\n" in text
    assert "# LAMP_WATTS=\n" in text, "what a factory makes depends on the machine"
    assert all(line.startswith("#") for line in text.splitlines() if line)
