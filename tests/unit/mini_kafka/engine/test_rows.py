"""Many NamedTuples at once are the same as one after the other."""

from itertools import repeat

from mini_kafka.engine.port import Appended
from mini_kafka.engine.rows import rows


def test_each_row_is_what_its_constructor_makes_of_the_columns() -> None:
    made = rows(Appended, repeat(3), range(5, 8), [70, 80, 90])
    assert made == [Appended(3, 5, 70), Appended(3, 6, 80), Appended(3, 7, 90)]
    assert all(isinstance(row, Appended) for row in made)


def test_there_are_as_many_as_the_shortest_column_has() -> None:
    assert rows(Appended, repeat(0), [1], range(9)) == [Appended(0, 1, 0)]
    assert rows(Appended, repeat(0), [], repeat(1)) == []
