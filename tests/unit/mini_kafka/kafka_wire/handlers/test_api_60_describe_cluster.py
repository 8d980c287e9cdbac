"""DescribeCluster: one broker, where the client reached it."""

import pytest

from tests.support.kafka import ADVERTISED, KafkaClient, tell_kafka


@pytest.mark.parametrize("version", [0, 1, 2])
def test_the_cluster_is_this_broker_at_its_advertised_address(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("DescribeCluster", version)
        assert [(broker.broker_id, broker.host, broker.port) for broker in answer.brokers] == [
            (1, ADVERTISED.host, ADVERTISED.port)
        ]
        assert answer.controller_id == 1
        assert answer.cluster_id == client.engine.cluster_id
        assert len(answer.cluster_id) == 22

    tell_kafka(story)


def test_who_asks_for_controllers_is_told_that_this_is_a_broker() -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("DescribeCluster", 1, endpoint_type=2)
        assert (answer.error_code.name, answer.brokers) == ("mismatched_endpoint_type", ())

    tell_kafka(story)


def test_who_asks_for_neither_is_told_that_there_is_no_such_endpoint() -> None:
    async def story(client: KafkaClient) -> None:
        answer = await client.ask("DescribeCluster", 1, endpoint_type=9)
        assert (answer.error_code.name, answer.brokers) == ("unsupported_endpoint_type", ())

    tell_kafka(story)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_what_a_caller_may_do_is_told_to_who_asks(version: int) -> None:
    async def story(client: KafkaClient) -> None:
        asked = await client.ask("DescribeCluster", version, include_cluster_authorized_operations=True)
        assert asked.cluster_authorized_operations == 8096  # as Apache Kafka without access rights says
        assert (await client.ask("DescribeCluster", version)).cluster_authorized_operations == -(2**31)

    tell_kafka(story)
