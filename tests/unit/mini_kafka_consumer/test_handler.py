"""The handler: a message becomes one readable line."""

import pytest

from mini_kafka_consumer.handler import handle
from mini_kafka_shared.schemas import Message


@pytest.mark.parametrize(
    ("value", "key", "line"),
    [
        ("hello", None, "got  t@3  hello"),
        ("hello", "k", "got  t@3  key=k  hello"),
        ("", "", "got  t@3  key=  "),
        ("a\nb", "c\td", r"got  t@3  key=c\td  a\nb"),
        ("東京 🐳", None, "got  t@3  東京 🐳"),
    ],
)
def test_a_message_is_shown_with_its_place_on_one_line(value: str, key: str | None, line: str) -> None:
    assert handle(Message(topic="t", offset=3, value=value, key=key)) == line


def test_a_long_message_is_shown_short() -> None:
    line = handle(Message(topic="t", offset=3, value="x" * 1000, key="k" * 1000))

    assert len(line) < 200
    assert line.endswith("x…")
