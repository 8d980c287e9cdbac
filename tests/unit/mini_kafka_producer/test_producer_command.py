"""The producer's command: an input that cannot be read is a wrong setting."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from mini_kafka_producer.command import produce
from mini_kafka_producer.settings import ProducerSettings


@pytest.mark.parametrize(("name", "reason"), [(".", "is a directory"), ("missing", "no such file or directory")])
def test_an_input_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.setattr("mini_kafka_producer.command.end_on_signals", nullcontext)
    path = str(tmp_path / name)

    assert produce(ProducerSettings(input=path, broker="http://127.0.0.1:1")) == 2
    assert capsys.readouterr().err == (
        f"mini-kafka-producer: --input (PRODUCER_INPUT): {path!r} cannot be read: {reason}\n"
    )
