"""What a gateway notes beside a committed offset is read by every other, and a Kafka client's text is not."""

import pytest

from mini_kafka.engine.kafka_cluster.group_marks import Mark, read_mark


@pytest.mark.parametrize(
    "mark", [Mark("offsets"), Mark("shared"), Mark("offsets", True), Mark("shared", True)], ids=str
)
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    assert read_mark(str(mark)) == mark


@pytest.mark.parametrize("text", [None, "", "mini-kafka:", "mini-kafka:classic", "somebody's", "+registered"])
def test_what_no_gateway_wrote_is_no_mark(text: str | None) -> None:
    assert read_mark(text) is None
