"""Another program's names for some settings: `--config num.partitions=4`, or KAFKA_NUM_PARTITIONS=4.

The settings stay where they are (`settings`): here a second way of saying them is read. It knows no name itself.
"""

import difflib
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Kubernetes sets these in every container for a Service of the other program's name.
_INJECTED = re.compile(r"SERVICE_(HOST|PORT)|PORT(_\d+_|$)")


@dataclass(frozen=True, slots=True)
class OtherName:
    """The field that a name stands for; a number is multiplied by `factor` (minutes for milliseconds)."""

    field: str
    factor: int = 1

    def scaled(self, text: str) -> str:
        """Give the value in the field's unit; what is no number, or negative, is as it was."""
        return str(int(text) * self.factor) if text.strip().isdecimal() and self.factor != 1 else text

    def shown(self, text: str) -> str:
        """Give the field's value in this name's unit, cut to a whole number; a negative one is as it was."""
        return str(int(text) // self.factor) if text.isdecimal() and self.factor != 1 else text


@dataclass(frozen=True, slots=True)
class OtherNames:
    """Names that stand for fields, given as `--FLAG NAME=VALUE` or as variables with a prefix.

    Of several names for one field the last in `names` counts. One of `without_effect` is known to mean nothing here.
    """

    flag: str
    prefix: str
    names: Mapping[str, OtherName]
    without_effect: frozenset[str] = frozenset()

    def variable(self, name: str) -> str:
        """Name the environment variable of a dotted name, as the image `apache/kafka` does."""
        return self.prefix + name.replace("_", "__").replace("-", "___").replace(".", "_").upper()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What was said by other names: for each field the value, and where it came from."""

    flags: Mapping[str, tuple[str, str]]
    variables: Mapping[str, tuple[str, str]]


def read_other_names(
    others: OtherNames | None, given: Iterable[str], environ: Mapping[str, str], prog: str, problems: list[str]
) -> Elsewhere:
    """Read what was given by other names; warn of those that are unknown, and add what cannot be read to `problems`."""
    if others is None:
        return Elsewhere({}, {})
    flags: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if equals:
            flags[name.strip()] = value
        else:
            problems.append(f"--{others.flag}: {text!r} is not NAME=VALUE")
    known = {others.variable(name): name for name in (*others.names, *others.without_effect)}
    variables = {
        known.get(variable, variable): value
        for variable, value in environ.items()
        if value and variable.startswith(others.prefix) and not _INJECTED.match(variable.removeprefix(others.prefix))
    }
    for name in sorted(flags):
        _warn_if_unknown(others, name, f"--{others.flag} {name}", others.names, prog)
    for name in sorted(variables):
        _warn_if_unknown(others, name, name, [others.variable(name) for name in others.names], prog)
    return Elsewhere(
        _by_field(others, flags, {name: f"command line (--{others.flag} {name})" for name in flags}),
        _by_field(others, variables, {name: f"environment {others.variable(name)}" for name in variables}),
    )


def _by_field(others: OtherNames, values: Mapping[str, str], sources: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {
        other.field: (other.scaled(values[name]), sources[name])
        for name, other in others.names.items()
        if name in values
    }


def _warn_if_unknown(others: OtherNames, name: str, shown: str, candidates: Iterable[str], prog: str) -> None:
    if name in others.names or name in others.without_effect:
        return
    nearest = difflib.get_close_matches(name, list(candidates), n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    print(f"{prog}: warning: {shown} has no effect here{hint}", file=sys.stderr)  # noqa: T201
