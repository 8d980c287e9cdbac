"""Every refusal is in the drawn tree, and says in a sentence what to do."""

import inspect
import re

import pytest

from mini_kafka.core import errors
from mini_kafka.core.errors import BrokerError


def refusals() -> dict[str, type[BrokerError]]:
    return {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, BrokerError) and kind is not BrokerError
    }


def test_the_tree_in_the_docstring_shows_every_error_and_no_other() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted(refusals())


def test_every_error_hangs_where_the_tree_draws_it() -> None:
    assert {kind.__base__ for kind in refusals().values()} == {BrokerError}


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (errors.UnknownTopic("orders"), ["'orders'"]),
        (errors.UnknownPartition("orders", 7, 3), ["'orders'", "7", "0 to 2"]),
        (errors.RecordTooLarge(4, 2000, 1000), ["record 4", "2000", "max.message.bytes", "1000"]),
        (errors.InvalidRecord(4, "has no key"), ["record 4 has no key"]),
        (errors.PartitionLimitReached(9, 2, 10), ["9", "2 more", "MINI_KAFKA_MAX_PARTITIONS (10)", "delete a topic"]),
        (
            errors.OffsetLimitReached("g", 9, 3, 10),
            ["'g'", "9", "3", "MINI_KAFKA_MAX_COMMITTED_OFFSETS (10)", "delete"],
        ),
        (errors.GroupLimitReached("g", 5), ["'g'", "MINI_KAFKA_MAX_GROUPS (5)", "delete"]),
        (errors.GroupNotFound("g"), ["'g'"]),
        (errors.GroupNotEmpty("g", 7, 2), ["'g'", "7 records", "2 members", "acknowledge"]),
        (errors.GroupKindConflict("g", "shares its records", "7 locked"), ["'g'", "shares", "7 locked", "try again"]),
        (errors.MemberLimitReached("g", 7), ["'g'", "MINI_KAFKA_GROUP_MAX_SIZE (7)", "raise the limit"]),
        (errors.SequenceGap("till", "orders", 3, 7), ["'till'", "'orders'", "7", "3 is next"]),
        (errors.ProducerFenced("till", 1, 2), ["'till'", "epoch 2", "epoch 1"]),
        (errors.OffsetOutOfRange(9, 2, 5), ["9", "2 to 5"]),
        (errors.OffsetOutOfRange(9, 2, 5, 3), ["9", "partition 3", "2 to 5"]),
        (errors.UnknownConsumer("c"), ["'c'"]),
        (errors.MemoryLimitReached(90, 20, 100), ["90", "20", "MINI_KAFKA_MEMORY_LIMIT", "100", "try again"]),
        (errors.BrokerStopping(), ["try again"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_says_its_values_and_what_to_do(error: BrokerError, says: list[str]) -> None:
    sentence = str(error)
    assert sentence[0].islower()
    assert not sentence.endswith(".")
    for part in says:
        assert part in sentence
