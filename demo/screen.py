"""How the demo looks: whose line it is in front of each line, in colour on a terminal, and a table at the end."""

import os
import sys
from collections.abc import Mapping

from demo.comparison import Verdict

_COLOURS = {"broker": "33", "producer": "32", "consumer-1": "36", "consumer-2": "35"}
_WIDTH = max(map(len, _COLOURS))


def wants_colour() -> bool:
    """Tell whether standard output is a terminal whose user did not ask for plain text (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def process_line(name: str, text: str, *, colour: bool) -> str:
    """Put the name of its process in front of a line, once, so that `sent` and `got` stand in columns."""
    label = f"{name:{_WIDTH}}"
    if colour:
        label = f"\x1b[{_COLOURS.get(name, '37')}m{label}\x1b[0m"
    verb, _, rest = text.removeprefix(f"{name} ").partition("  ")
    return f"{label}  {verb:4}  {rest}" if verb in {"sent", "got"} else f"{label}  {text}"


def summary(sent: int, verdicts: Mapping[str, Verdict]) -> str:
    """Draw the table of what was sent and what each consumer got."""
    rows = [("the file", str(max((verdict.lines for verdict in verdicts.values()), default=0)), "")]
    rows.append(("producer sent", str(sent), ""))
    for name, verdict in verdicts.items():
        rows.append((f"{name} got", str(verdict.messages), verdict.difference or "every line, in order, once"))
    width = max(len(number) for _, number, _ in rows)
    table = [f"{what:15}  {number:>{width}}  {remark}".rstrip() for what, number, remark in rows]
    return "\n".join([f"{'':15}  {'lines':>{width}}", *table])
