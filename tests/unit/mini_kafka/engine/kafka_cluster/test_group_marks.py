"""What a gateway notes beside a committed offset is read by every other, and a Kafka client's text is not."""

from uuid import UUID

import pytest

from mini_kafka.engine.kafka_cluster.group_marks import Committed, Mark, read_mark

ID, OTHER_ID = UUID(int=2**127), UUID(int=7)


@pytest.mark.parametrize("topic_id", [None, ID])
@pytest.mark.parametrize(
    "mark", [Mark("offsets"), Mark("shared"), Mark("offsets", True), Mark("shared", True)], ids=str
)
def test_a_mark_is_read_as_it_was_written(mark: Mark, topic_id: UUID | None) -> None:
    written = mark._replace(topic_id=topic_id)
    assert read_mark(str(written)) == written


@pytest.mark.parametrize("text", [None, "", "mini-kafka:", "mini-kafka:classic", "somebody's", "+registered"])
def test_what_no_gateway_wrote_is_no_mark(text: str | None) -> None:
    assert read_mark(text) is None


@pytest.mark.parametrize(
    ("mark", "counts"),
    [(Mark("shared", topic_id=ID), True), (Mark("shared", topic_id=OTHER_ID), False), (Mark("shared"), True),
     (None, True)],
)  # fmt: skip
def test_an_offset_counts_in_the_topic_that_it_was_committed_in_or_where_nothing_says_which(
    mark: Mark | None, counts: bool
) -> None:
    assert Committed(5, mark).is_of(ID) is counts
