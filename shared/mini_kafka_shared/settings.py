"""One way from a settings class to a running program: flags over environment variables over defaults.

A program declares its settings once, as a `Settings` class. From it come the flags, `--help`,
`--print-config`, the environment variables and `.env.example`. Only `load` reads the environment: a settings
object that a test makes holds what the test gave and the defaults, whatever machine it runs on. No file is
read (`.env` is compose's), and nothing here knows a single setting by name.
"""

import argparse
import difflib
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, NoReturn, TypeVar, cast, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mini_kafka_shared import __version__
from mini_kafka_shared.logging_setup import quiet_exit, say
from mini_kafka_shared.other_names import OtherNames, read_other_names
from mini_kafka_shared.schemas import NAME_PATTERN

COMMAND_LINE = "command line"
OTHER_NAMES = "other_names"
DEFAULT = "default"

# Kubernetes sets these in every container for a Service of the program's name (design §9.15).
_INJECTED = re.compile(r"PORT(_|$)|SERVICE_")

# A name of labels, or an IPv6 address, which `urlsplit` hands out without its brackets.
_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?|[0-9a-f.]*:[0-9a-f:.]+(%\w+)?")


class Settings(BaseSettings):
    """The settings of one program: frozen, checked, each with a description.

    A subclass sets `env_prefix`, and gives each field a default, a `description` and, where the type alone
    says too little, a `title`, which `--help` shows as the value's name (`--input PATH`). A
    `validation_alias` is the whole name of an environment variable, for one without the prefix; a field that would be
    a word of Python ends in `_`, which its flag and variable have not. With `other_names`
    some fields can also be given by another program's names: the own flag comes first, then `--FLAG NAME=VALUE`,
    then the own variable, then the prefixed one.
    """

    other_names: ClassVar[OtherNames | None] = None

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor only: `load` reads the rest, and knows where each came from."""
        return (init_settings,)


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """Checked settings, and for each field where its value came from."""

    settings: S
    sources: dict[str, str]


def _split(value: object) -> object:
    if isinstance(value, list):  # a flag that was given often
        value = ",".join(map(str, value))
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _checked_name(value: str) -> str:
    if not re.fullmatch(NAME_PATTERN, value):
        raise ValueError("is not a name: use 1 to 249 letters, digits, '.', '_' or '-', and neither '.' nor '..'")
    return value


def _checked_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_host = re.fullmatch(_HOST, parts.hostname or "")
        is_address = parts.scheme in {"http", "https"} and is_host and not (parts.query or parts.fragment)
        if is_address and parts.port != 0:  # reading the port checks it too
            return value
    except ValueError:
        pass
    raise ValueError("is not the address of a broker: write http://HOST:PORT")


def _checked_host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if re.fullmatch(_HOST, host.removeprefix("[").removesuffix("]")) and port.isdecimal() and 0 < int(port) < 65536:
        return value
    raise ValueError("is not an address: write HOST:PORT")


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A list that is written `a,b,c`; its flag may be given often."""

KafkaName = Annotated[str, AfterValidator(_checked_name)]
"""The name of a topic, a producer or a consumer, refused in words instead of a pattern."""

HostAndPort = Annotated[str, AfterValidator(_checked_host_and_port)]
"""An address for clients: `HOST:PORT`, an IPv6 address in brackets."""

KafkaNames = Annotated[tuple[KafkaName, ...], BeforeValidator(_split)]
"""Several of them, written `a,b,c`; the flag may be given often."""

BrokerUrl = Annotated[str, AfterValidator(_checked_url)]
"""Where a broker's HTTP API is."""

BrokerWait = Annotated[
    float,
    Field(
        ge=0,
        allow_inf_nan=False,
        title="SECONDS",
        description="How long to wait for a broker that is not there or overloaded, at the start and later.",
    ),
]
"""A client's patience, in seconds."""


def environment_name(settings_class: type[Settings], name: str) -> str:
    """Name the environment variable of a field."""
    alias = settings_class.model_fields[name].validation_alias
    prefix = settings_class.model_config.get("env_prefix", "")
    return alias if isinstance(alias, str) else f"{prefix}{name.rstrip('_')}".upper()


def is_injected_by_kubernetes(settings_class: type[Settings], variable: str) -> bool:
    """Tell whether Kubernetes sets this variable for a Service that is named like the program."""
    prefix = settings_class.model_config.get("env_prefix", "")
    return variable.startswith(prefix) and _INJECTED.match(variable.removeprefix(prefix)) is not None


def load(
    settings_class: type[S],
    argv: Sequence[str],
    *,
    prog: str,
    description: str,
    environ: Mapping[str, str] = os.environ,
) -> Loaded[S]:
    """Read, check and return a program's settings.

    Args:
        settings_class: what to read.
        argv: the arguments after the program's name.
        prog: the program's name in `--help` and in front of every message.
        description: what the program does, for `--help`.
        environ: the environment variables.

    Raises:
        SystemExit: 0 after `--help`, `--version` and `--print-config`; 2 after a line on standard error for
            each setting that is wrong.
    """
    _warn_of_unknown_variables(settings_class, environ, prog)
    arguments, unknown = _parser(settings_class, prog, description).parse_known_args(argv)
    given = vars(arguments)
    print_config = given.pop("print_config", False)
    problems = [f"unknown arguments: {_without_values(unknown)}; see --help"] if unknown else []
    elsewhere = read_other_names(settings_class.other_names, given.pop(OTHER_NAMES, []), environ, prog, problems)

    values: dict[str, Any] = {}
    sources = dict.fromkeys(settings_class.model_fields, DEFAULT)
    for name in settings_class.model_fields:
        variable = environment_name(settings_class, name)
        if name in given:
            values[name], sources[name] = given[name], COMMAND_LINE
        elif name in elsewhere.flags:
            values[name], sources[name] = elsewhere.flags[name]
        elif environ.get(variable):  # an empty variable is one that is not set, as compose passes it
            values[name], sources[name] = environ[variable], f"environment {variable}"
        elif name in elsewhere.variables:
            values[name], sources[name] = elsewhere.variables[name]

    try:
        settings = settings_class(**values)
    except ValidationError as error:
        problems += _wrong_settings(settings_class, error, sources)
    if problems:
        for problem in problems:
            print(f"{prog}: {problem}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2)
    if print_config:
        raise SystemExit(quiet_exit(lambda: _print_config(settings, sources)))
    return Loaded(settings, sources)


def env_example(classes: Iterable[type[Settings]]) -> str:
    """Render settings classes for `.env.example`: each variable once, commented out, with its default."""
    blocks: list[str] = []
    seen: set[str] = set()
    for settings_class in classes:
        blocks.append(textwrap.fill(_first_line(settings_class), 100, initial_indent="## ", subsequent_indent="## "))
        for name, field in settings_class.model_fields.items():
            variable = environment_name(settings_class, name)
            if variable not in seen:
                seen.add(variable)
                comment = textwrap.fill(
                    field.description or "",
                    100,
                    initial_indent="# ",
                    subsequent_indent="# ",
                    break_on_hyphens=False,
                )
                blocks.append(f"{comment}\n# {variable}={_default_text(field)}")
    return "\n\n".join(blocks) + "\n"


class _OneLineParser(argparse.ArgumentParser):
    """Refuses a command line in one line; the usage is what `--help` is for."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def _parser(settings_class: type[Settings], prog: str, description: str) -> argparse.ArgumentParser:
    parser = _OneLineParser(prog=prog, description=description, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"{prog} {__version__}")
    parser.add_argument(
        "--print-config", action="store_true", help="print each setting and where it came from, and stop"
    )
    if settings_class.other_names is not None:
        parser.add_argument(
            f"--{settings_class.other_names.flag}", action="append", dest=OTHER_NAMES, metavar="NAME=VALUE",
            help="a setting by the name that Kafka's broker has for it; may be given often "
            f"[{settings_class.other_names.prefix}NAME]",
        )  # fmt: skip
    for name, field in settings_class.model_fields.items():
        default = _default_text(field)
        help_text = field.description or ""
        help_text += f" [{environment_name(settings_class, name)}{f', default {default}' if default else ''}]"
        options: dict[str, Any] = {"dest": name, "help": help_text.replace("%", "%%")}
        if field.annotation is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            if any(validator == BeforeValidator(_split) for validator in field.metadata):
                options["action"] = "append"
            options["metavar"] = field.title or ("N" if _is_a(field, int) else name.upper())
        parser.add_argument(_flag(name), **options)
    return parser


def _without_values(unknown: Sequence[str]) -> str:
    """Name unknown flags alone: what follows one that is misspelt may be a password."""
    flags = [argument.partition("=")[0] for argument in unknown if argument.startswith("-")]
    return " ".join(flags or unknown)


def _wrong_settings(settings_class: type[Settings], error: ValidationError, sources: Mapping[str, str]) -> list[str]:
    """Say each wrong setting in one line, in the order of the class."""
    names = {environment_name(settings_class, name): name for name in settings_class.model_fields}
    lines: dict[str, str] = {}
    for details in error.errors(include_url=False):
        name = str(details["loc"][0]) if details["loc"] else ""
        name = names.get(name, name)
        if name in lines:
            continue  # a union names one wrong value once per member
        if name not in settings_class.model_fields:
            lines[name] = _readable(details)
            continue
        if details["type"] == "missing":
            lines[name] = f"{_flag(name)} ({environment_name(settings_class, name)}): has to be given"
            continue
        field, source = settings_class.model_fields[name], sources[name]
        value = "the value" if _is_a(field, SecretStr) else repr(details["input"])
        own_variable = environment_name(settings_class, name)
        where = "from the environment" if source.endswith(f" {own_variable}") else f"from the {source}"
        lines[name] = f"{_flag(name)} ({environment_name(settings_class, name)}): {value} {where} {_readable(details)}"
    order = ["", *settings_class.model_fields]
    return [lines[name] for name in sorted(lines, key=order.index)]


def _readable(details: ErrorDetails) -> str:
    """Turn Pydantic's message into the end of a sentence that begins with the value."""
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    message = re.sub(r"^\w+ should (be|have|match)", r"should \1", details["msg"])
    return message.partition(", unable to")[0].partition(", got")[0]


def _warn_of_unknown_variables(settings_class: type[Settings], environ: Mapping[str, str], prog: str) -> None:
    prefix = settings_class.model_config.get("env_prefix", "")
    known = {environment_name(settings_class, name).removeprefix(prefix): name for name in settings_class.model_fields}
    for variable in sorted(environ):
        rest = variable.removeprefix(prefix)
        if rest == variable or rest in known or is_injected_by_kubernetes(settings_class, variable):
            continue
        nearest = difflib.get_close_matches(rest, known, n=1)
        name = environment_name(settings_class, known[nearest[0]]) if nearest else ""
        hint = f"did you mean {name}?" if name else "see --help"
        print(f"{prog}: warning: {variable} is not a setting; {hint}", file=sys.stderr)  # noqa: T201


def _print_config(settings: Settings, sources: Mapping[str, str]) -> int:
    texts = {name: text_of(getattr(settings, name)) or "(not set)" for name in sources}
    widths = max(map(len, texts)), max(map(len, texts.values()))
    for name, text in texts.items():
        say(f"{_kebab(name):{widths[0]}}  {text:{widths[1]}}  {sources[name]}")
    return 0


def _default_text(field: FieldInfo) -> str:
    # What a factory makes depends on the machine: the description says how it is made.
    return "" if field.default_factory is not None or field.is_required() else text_of(field.default)


def text_of(value: object) -> str:
    """Write a value as it would be given."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(map(str, cast("Iterable[object]", value)))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _first_line(settings_class: type[Settings]) -> str:
    return (settings_class.__doc__ or settings_class.__name__).strip().partition("\n")[0]


def _kebab(name: str) -> str:
    return name.rstrip("_").replace("_", "-")  # `from_` is how Python writes a name that is a word of its own


def _flag(name: str) -> str:
    return f"--{_kebab(name)}"


def _is_a(field: FieldInfo, wanted: type) -> bool:
    """Tell whether a field is of a type, or of that type or None."""
    return field.annotation is wanted or wanted in get_args(field.annotation)
