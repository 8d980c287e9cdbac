"""Many NamedTuples of one kind at once, from columns: what a call answers with for hundreds of records."""

from collections.abc import Iterable
from itertools import repeat
from typing import Any, TypeVar

Row = TypeVar("Row", bound=tuple[Any, ...])


def rows(kind: type[Row], *columns: Iterable[Any]) -> list[Row]:
    """Make as many as the shortest column has, in compiled code: their own constructor takes three times as long."""
    return list(map(tuple.__new__, repeat(kind), zip(*columns, strict=False)))
