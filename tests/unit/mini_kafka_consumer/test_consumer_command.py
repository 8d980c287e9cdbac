"""The consumer's output: whole lines of UTF-8, added to what is there, seen at once."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from mini_kafka_consumer.command import consume, open_output, write_line
from mini_kafka_consumer.settings import ConsumerSettings


def test_each_line_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    with open_output(str(path)) as output:
        write_line(output, '{"value":"é"}')

        assert path.read_bytes() == '{"value":"é"}\n'.encode()


def test_a_consumer_that_goes_on_adds_to_its_file(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    for text in ("1", "2"):
        with open_output(str(path)) as output:
            write_line(output, text)

    assert path.read_text() == "1\n2\n"


@pytest.mark.parametrize(("name", "reason"), [(".", "is a directory"), ("missing/x", "no such file or directory")])
def test_an_output_that_cannot_be_written_is_refused_before_any_message_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.setattr("mini_kafka_consumer.command.end_on_signals", nullcontext)
    path = str(tmp_path / name)

    assert consume(ConsumerSettings(output=path, broker="http://127.0.0.1:1")) == 2
    assert capsys.readouterr().err == (
        f"mini-kafka-consumer: --output (CONSUMER_OUTPUT): {path!r} cannot be written: {reason}\n"
    )
