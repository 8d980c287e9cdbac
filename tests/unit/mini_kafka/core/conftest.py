"""A share partition at offset 0, in a group that delivers three times and has room for 10,000 records."""

from itertools import count

import pytest

from mini_kafka.core.share_partition import InFlightLimit, SharePartition


@pytest.fixture
def limit() -> InFlightLimit:
    return InFlightLimit(10_000)


@pytest.fixture
def share(limit: InFlightLimit) -> SharePartition:
    return SharePartition(0, max_delivery_count=3, in_flight=limit, acquisitions=count(1))
