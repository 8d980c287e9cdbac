"""The client: one call per endpoint, and a time-out on each."""

import pytest

from mini_kafka.cluster_settings import ClusterSettings
from mini_kafka_shared.schemas import (
    ConsumerPosition,
    ConsumerRegistered,
    Message,
    ProducerRegistered,
    Published,
    Stats,
    TopicRegistered,
)
from mini_kafka_shared.schemas_v1 import (
    Acknowledged,
    AcknowledgeRequest,
    OffsetWish,
    OffsetWishes,
    RecordPlace,
    ReleaseLater,
    TextRecord,
    TopicDetails,
    TopicWish,
)
from tests.support.fake_broker import URL, FakeBroker, client_of


def test_register_topic_posts_the_topic() -> None:
    broker = FakeBroker(body={"status": "ok", "topic": "t"})

    assert client_of(broker).register_topic("t") == TopicRegistered(topic="t")
    assert (broker.request.method, broker.request.url) == ("POST", f"{URL}/topics/register")
    assert broker.sent == {"topic": "t"}
    assert broker.request.headers["Content-Type"] == "application/json"


def test_register_producer_lets_the_broker_make_up_the_id() -> None:
    broker = FakeBroker(body={"status": "ok", "topic": "t", "producer_id": "producer-1"})

    assert client_of(broker).register_producer("t") == ProducerRegistered(topic="t", producer_id="producer-1")
    assert broker.request.url == f"{URL}/producers/register"
    assert broker.sent == {"topic": "t"}


def test_register_consumer_sends_the_id_that_it_is_given() -> None:
    broker = FakeBroker(body={"status": "ok", "topic": "t", "consumer_id": "c"})

    assert client_of(broker).register_consumer("t", "c") == ConsumerRegistered(topic="t", consumer_id="c")
    assert broker.request.url == f"{URL}/consumers/register"
    assert broker.sent == {"topic": "t", "consumer_id": "c"}


def test_publish_returns_the_offset() -> None:
    broker = FakeBroker(body={"status": "ok", "offset": 7})

    assert client_of(broker).publish("t", "wört\0", "k") == Published(offset=7)
    assert broker.request.url == f"{URL}/produce"
    assert broker.sent == {"topic": "t", "value": "wört\0", "key": "k"}


def test_consume_returns_a_message() -> None:
    message = {"topic": "t", "offset": 0, "value": "v", "key": None, "later": "unknown fields are ignored"}
    broker = FakeBroker(body=message)

    assert client_of(broker).consume("c", wait_ms=500) == Message(topic="t", offset=0, value="v")
    assert broker.request.url == f"{URL}/consume"
    assert broker.sent == {"consumer_id": "c", "wait_ms": 500}


def test_consume_without_news_returns_none() -> None:
    assert client_of(FakeBroker(204)).consume("c") is None


def test_produce_sends_records_with_their_number_and_returns_their_places() -> None:
    broker = FakeBroker(body={"records": [{"partition": 1, "offset": 7, "timestamp": 3}]})
    records = [TextRecord(value="é", key="k"), TextRecord(value="")]

    places = client_of(broker).produce("t", records, producer_id="p", sequence=4)

    assert places == [RecordPlace(partition=1, offset=7)]
    assert (broker.request.method, broker.request.url) == ("POST", f"{URL}/v1/topics/t/records")
    assert broker.sent == {"records": [{"value": "é", "key": "k"}, {"value": ""}]}
    headers = broker.request.headers
    assert (headers["Producer-Id"], headers["Producer-Seq"]) == ("p", "4")
    assert headers["Content-Type"] == "application/json"


def test_acquire_asks_for_a_member_and_waits_longer_than_the_poll() -> None:
    record = {"topic": "t", "partition": 0, "offset": 3, "timestamp": 1, "key": None, "value": "v"}
    broker = FakeBroker(body={"records": [{**record, "delivery_count": 2, "lock": "L"}]})

    [acquired] = client_of(broker).acquire("g", "t", "m", max_records=5, wait_ms=20_000, lock_ms=900)

    assert (acquired.offset, acquired.value, acquired.delivery_count, acquired.lock) == (3, "v", 2, "L")
    assert broker.request.url == f"{URL}/v1/groups/g/acquire"
    assert broker.sent == {"topics": ["t"], "max_records": 5, "wait_ms": 20_000, "lock_ms": 900, "member": "m"}
    assert broker.options["timeout"][1] > 20


def test_acknowledge_says_what_became_of_each_lock() -> None:
    answer = {"accepted": 1, "released": 1, "rejected": 0, "renewed": 0, "expired": ["C"]}
    broker = FakeBroker(body=answer)
    wish = AcknowledgeRequest(accept=["A"], release=["B", ReleaseLater(lock="C", delay_ms=5)], lock_ms=900)

    assert client_of(broker).acknowledge("g", wish) == Acknowledged.model_validate(answer)
    assert broker.request.url == f"{URL}/v1/groups/g/acknowledge"
    assert broker.sent == {
        "accept": ["A"],
        "release": ["B", {"lock": "C", "delay_ms": 5}],
        "reject": [],
        "renew": [],
        "lock_ms": 900,
    }


def test_release_member_names_the_member_and_counts() -> None:
    broker = FakeBroker(body={"released": 3})

    assert client_of(broker).release_member("g", "m") == 3
    assert (broker.request.method, broker.request.url) == ("DELETE", f"{URL}/v1/groups/g/members/m")


def test_a_client_in_a_hurry_waits_no_longer_than_that() -> None:
    broker = FakeBroker(body={"released": 3})
    client = client_of(broker)
    client.hurry(0.25)

    client.release_member("g", "m")

    assert broker.options["timeout"] == (0.25, 0.25)


TOPIC = {
    "name": "t", "topic_id": "00000000-0000-0000-0000-000000000001", "records": 2, "configs": {"retention.ms": "1"},
    "partitions": [{"partition": 0, "log_start_offset": 3, "high_watermark": 5}],
}  # fmt: skip


@pytest.mark.parametrize("status", [200, 201])
def test_a_topic_is_had_as_wished_whether_it_was_there_or_not(status: int) -> None:
    broker = FakeBroker(status, TOPIC)

    topic = client_of(broker).have_topic("t", TopicWish(partitions=1, configs={"retention.ms": "1"}))

    assert topic == TopicDetails.model_validate(TOPIC)
    assert (broker.request.method, broker.request.url) == ("PUT", f"{URL}/v1/topics/t")
    assert broker.sent == {"partitions": 1, "configs": {"retention.ms": "1"}}


def test_a_topic_is_read() -> None:
    broker = FakeBroker(body=TOPIC)

    assert client_of(broker).topic("t").partitions[0].high_watermark == 5
    assert (broker.request.method, broker.request.url) == ("GET", f"{URL}/v1/topics/t")


def test_the_broker_says_what_it_is() -> None:
    broker = FakeBroker(body={"version": "1", "epoch": "e", "engine": "memory", "limits": {"max_body_bytes": 7}})

    assert client_of(broker).broker().limits == {"max_body_bytes": 7}
    assert broker.request.url == f"{URL}/v1"


def test_a_group_is_asked_for_by_its_name_whatever_is_in_it() -> None:
    broker = FakeBroker(body={"name": "a/b", "kind": "offsets", "state": "Empty", "members": [], "partitions": []})

    assert client_of(broker).group("a/b ü?").kind == "offsets"
    assert broker.request.url == f"{URL}/v1/groups/a%2Fb%20%C3%BC%3F"


def test_groups_are_listed() -> None:
    broker = FakeBroker(body={"groups": [{"name": "g", "kind": "offsets", "state": "Empty", "members": 0}]})

    assert [group.name for group in client_of(broker).groups()] == ["g"]


def test_offsets_are_moved() -> None:
    broker = FakeBroker(
        body={"dry_run": False, "offsets": [{"topic": "t", "partition": 0, "before": None, "after": 4}]}
    )

    moves = client_of(broker).move_offsets("g", OffsetWishes(offsets=[OffsetWish(topic="t", partition=0, offset=4)]))

    assert [move.after for move in moves] == [4]
    assert (broker.request.method, broker.request.url) == ("PUT", f"{URL}/v1/groups/g/offsets")
    assert broker.sent == {"offsets": [{"topic": "t", "partition": 0, "offset": 4}]}


def test_stats_are_typed() -> None:
    broker = FakeBroker(body={"topics": {"t": 3}, "consumers": {"c": {"topic": "t", "offset": 1}}})

    expected = Stats(topics={"t": 3}, consumers={"c": ConsumerPosition(topic="t", offset=1)})
    assert client_of(broker).stats() == expected
    assert (broker.request.method, broker.request.url, broker.request.body) == ("GET", f"{URL}/stats", None)


def test_health_asks_for_health() -> None:
    broker = FakeBroker(body={"status": "ok"})

    client_of(broker).health()

    assert broker.request.url == f"{URL}/health"


def test_every_call_has_a_connect_and_a_read_time_out() -> None:
    broker = FakeBroker(body={"status": "ok", "offset": 7})

    client_of(broker).publish("t", "v")

    connect_s, read_s = broker.options["timeout"]
    assert 0 < connect_s <= 5
    assert 0 < read_s <= 30


def test_a_gateway_that_waits_for_its_cluster_has_answered_before_the_client_gives_up() -> None:
    broker = FakeBroker(body={"status": "ok", "offset": 7})

    client_of(broker).publish("t", "v")

    assert broker.options["timeout"][1] > ClusterSettings.model_fields["cluster_timeout"].default + 2


def test_the_read_time_out_of_a_long_poll_is_longer_than_the_poll() -> None:
    broker = FakeBroker(204)
    client = client_of(broker)

    client.consume("c", wait_ms=0)
    short_s = broker.options["timeout"][1]
    client.consume("c", wait_ms=30_000)

    assert broker.options["timeout"][1] == short_s + 30


def test_the_environment_s_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    broker = FakeBroker(204)

    client_of(broker).consume("c")

    assert not broker.options["proxies"]
