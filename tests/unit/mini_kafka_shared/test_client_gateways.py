"""The client among gateways: what concerns a lock goes to the one that holds it, and is given up where that is gone."""

from typing import Any

import pytest
import requests

from mini_kafka_shared.client import BrokerUnavailable, NotOnCluster, PartlyAppended
from mini_kafka_shared.schemas_v1 import AcknowledgeRequest, ReleaseLater, TextRecord
from tests.support.fake_broker import FakeBroker, client_of


class Gateways(FakeBroker):
    """Answers as the gateways that a proxy chooses, one after the other, and remembers what named which."""

    def __init__(self, *answers: FakeBroker) -> None:
        super().__init__()
        self.answers = list(answers)
        self.named: list[str | None] = []

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        self.named.append(request.headers.get("Mini-Kafka-Gateway"))
        return self.answers.pop(0).send(request, **options)


ACCEPTED = {"accepted": 1, "released": 0, "rejected": 0, "renewed": 0, "expired": []}


def elsewhere(gateway: str) -> FakeBroker:
    return FakeBroker(421, {"detail": "a lock is held by another", "code": "NOT_COORDINATOR"},
                      {"Mini-Kafka-Gateway": gateway})  # fmt: skip


def test_an_acknowledgement_names_the_gateway_that_gave_the_locks() -> None:
    acquired = FakeBroker(body={"records": []}, headers={"Mini-Kafka-Gateway": "one"})
    gateways = Gateways(acquired, FakeBroker(body=ACCEPTED), FakeBroker(body={"released": 0}))
    client = client_of(gateways)

    client.acquire("g", "t", "m", max_records=5, wait_ms=0, lock_ms=900)
    client.acknowledge("g", AcknowledgeRequest(accept=["A"]))
    client.release_member("g", "m")

    assert gateways.named == [None, "one", "one"]


def test_an_acknowledgement_that_comes_to_another_gateway_is_sent_once_more_to_the_one_that_is_named() -> None:
    gateways = Gateways(elsewhere("two"), FakeBroker(body=ACCEPTED))

    assert client_of(gateways).acknowledge("g", AcknowledgeRequest(accept=["A"])).accepted == 1
    assert gateways.named == [None, "two"]


def test_locks_of_a_gateway_that_cannot_be_reached_have_expired() -> None:
    gateways = Gateways(elsewhere("two"), elsewhere("two"))
    wish = AcknowledgeRequest(accept=["A"], release=["B", ReleaseLater(lock="C")], reject=["D"], renew=["E"])

    done = client_of(gateways).acknowledge("g", wish)

    assert (done.accepted, done.expired) == (0, ["A", "B", "C", "D", "E"])


def test_a_batch_without_a_number_names_no_producer_and_a_gateway_that_takes_none_is_told_apart() -> None:
    broker = FakeBroker(501, {"detail": "Producer-Seq cannot be had", "code": "NOT_ON_CLUSTER"})

    with pytest.raises(NotOnCluster):
        client_of(broker).produce("t", [TextRecord(value="v")], producer_id="p", sequence=0)

    broker = FakeBroker(body={"records": [{"partition": 0, "offset": 0}]})
    client_of(broker).produce("t", [TextRecord(value="v")], producer_id="p", sequence=None)
    assert not {"Producer-Id", "Producer-Seq"} & broker.request.headers.keys()


PLACE = {"partition": 2, "offset": 7, "timestamp": 1000}


def test_what_a_cluster_took_of_a_batch_is_told_with_the_places() -> None:
    body = {"detail": "1 was not", "code": "PARTLY_APPENDED", "records": [PLACE, None]}
    with pytest.raises(PartlyAppended, match="1 was not") as partly:
        client_of(FakeBroker(502, body)).produce("t", [TextRecord(value="v")] * 2, producer_id="p", sequence=None)
    assert [place and (place.partition, place.offset) for place in partly.value.places] == [(2, 7), None]


@pytest.mark.parametrize("records", [{}, {"records": [{"partition": "none"}]}])
def test_a_batch_of_which_nobody_says_what_was_taken_has_no_answer(records: dict[str, object]) -> None:
    body = {"detail": "a part", "code": "PARTLY_APPENDED", **records}
    with pytest.raises(BrokerUnavailable) as unknown:
        client_of(FakeBroker(502, body)).produce("t", [TextRecord(value="v")], producer_id="p", sequence=None)
    assert not isinstance(unknown.value, PartlyAppended)
