"""A retry is recognized, a gap is refused, and an older self is fenced."""

import pytest

from mini_kafka.core.errors import ProducerFenced, SequenceGap
from mini_kafka.core.producer_sequences import REMEMBERED_ANSWERS, ProducerSequence, ProducerSequences

TOPIC = "orders"


def request(sequence: int, *, epoch: int = 0, producer_id: str = "till") -> ProducerSequence:
    return ProducerSequence(producer_id, epoch, sequence)


def done(sequences: ProducerSequences[str], *numbers: int, epoch: int = 0) -> None:
    for number in numbers:
        assert sequences.answered(TOPIC, request(number, epoch=epoch)) is None
        sequences.remember(TOPIC, request(number, epoch=epoch), f"answer {number}")


@pytest.fixture
def sequences() -> ProducerSequences[str]:
    return ProducerSequences()


def test_a_repeat_gets_the_answer_that_the_first_one_got(sequences: ProducerSequences[str]) -> None:
    done(sequences, 0, 1, 2)
    assert [sequences.answered(TOPIC, request(number)) for number in (2, 0, 1, 1)] == [
        "answer 2", "answer 0", "answer 1", "answer 1",
    ]  # fmt: skip
    assert sequences.answered(TOPIC, request(3)) is None


def test_a_request_that_was_refused_may_be_mended_under_its_number(sequences: ProducerSequences[str]) -> None:
    done(sequences, 0)
    assert sequences.answered(TOPIC, request(1)) is None  # and was refused for another reason
    done(sequences, 1, 2)


@pytest.mark.parametrize("number", [4, 100, -1])
def test_a_gap_is_refused_and_the_next_number_is_named(sequences: ProducerSequences[str], number: int) -> None:
    done(sequences, 0, 1, 2)
    with pytest.raises(SequenceGap, match=f"sent request {number} to topic 'orders', and 3 is next"):
        sequences.answered(TOPIC, request(number))


def test_an_answer_is_kept_for_the_last_five_requests(sequences: ProducerSequences[str]) -> None:
    done(sequences, *range(10))
    oldest = 10 - REMEMBERED_ANSWERS
    assert sequences.answered(TOPIC, request(oldest)) == f"answer {oldest}"
    with pytest.raises(SequenceGap):
        sequences.answered(TOPIC, request(oldest - 1))


def test_a_producer_that_is_not_known_may_go_on_where_it_was(sequences: ProducerSequences[str]) -> None:
    done(sequences, 57, 58)
    with pytest.raises(SequenceGap):
        sequences.answered(TOPIC, request(56))


def test_a_higher_epoch_begins_at_0_and_fences_the_older_self(sequences: ProducerSequences[str]) -> None:
    done(sequences, 0, 1)
    with pytest.raises(SequenceGap, match="and 0 is next"):
        sequences.answered(TOPIC, request(2, epoch=1))
    done(sequences, 0, epoch=1)
    for number in (0, 1, 2):
        with pytest.raises(ProducerFenced, match="is at epoch 1, and this request is of epoch 0"):
            sequences.answered(TOPIC, request(number))
    assert sequences.answered(TOPIC, request(0, epoch=1)) == "answer 0"


def test_producers_and_topics_are_numbered_apart(sequences: ProducerSequences[str]) -> None:
    done(sequences, 0, 1)
    assert sequences.answered("teas", request(0)) is None
    assert sequences.answered(TOPIC, request(0, producer_id="other")) is None


def test_of_too_many_producers_the_one_that_was_silent_longest_is_forgotten() -> None:
    sequences: ProducerSequences[str] = ProducerSequences(max_producers=2)
    for producer_id in ("a", "b"):
        sequences.remember(TOPIC, request(0, producer_id=producer_id), producer_id)
    sequences.remember(TOPIC, request(1, producer_id="a"), "a")
    sequences.remember(TOPIC, request(0, producer_id="c"), "c")
    assert len(sequences) == 2
    assert sequences.answered(TOPIC, request(0, producer_id="b")) is None
    assert sequences.answered(TOPIC, request(1, producer_id="a")) == "a"


def test_a_topic_that_is_gone_takes_its_answers_along(sequences: ProducerSequences[str]) -> None:
    done(sequences, 0)
    sequences.remember("teas", request(0), "stays")
    sequences.forget_topic(TOPIC)
    assert sequences.answered(TOPIC, request(0)) is None
    assert sequences.answered("teas", request(0)) == "stays"
