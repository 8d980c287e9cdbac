"""Every limit has a test: over it an answer names the setting and, where waiting helps, says when to try again."""

import ast
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mini_kafka.http_api.error_table import KINDS
from mini_kafka.settings import LIMITS, BrokerSettings
from mini_kafka_shared.settings import environment_name
from tests.support.asgi import JSON, Answer
from tests.support.broker import Broker, tell

ROOT = Path(__file__).parents[4]
RECORDS = "/v1/topics/t/records"


@dataclass(frozen=True)
class Over:
    """A broker with a low limit, a request that goes over it, and the answer's status."""

    limit: int
    status: int
    ask: Callable[[Broker], Awaitable[Answer]]
    named: str = ""


async def fill_the_memory(it: Broker) -> Answer:
    answers = [await it.post(RECORDS, b"x" * 300_000, ()) for _ in range(5)]
    return answers[-1]


async def make_a_third_topic(it: Broker) -> Answer:
    for name in ("a", "b"):
        assert (await it.post("/topics/register", {"topic": name})).status == 200
    return await it.post("/topics/register", {"topic": "c"})


async def register_a_second_consumer(it: Broker) -> Answer:
    await it.post("/consumers/register", {"topic": "t", "consumer_id": "a"})
    return await it.post("/consumers/register", {"topic": "t", "consumer_id": "b"})


async def commit_a_second_offset(it: Broker) -> Answer:
    await it.post("/consumers/register", {"topic": "t", "consumer_id": "a"})
    return await it.ask("PUT", "/v1/groups/b/offsets", [b'{"offsets": [{"topic": "t", "to": "latest"}]}'], JSON)


async def bring_a_second_member(it: Broker) -> Answer:
    await it.post(RECORDS, b"two teas", ())
    for _ in range(2):
        assert (await it.post("/v1/groups/g/acquire", {"topics": ["t"], "member": "ada"})).status == 200
    return await it.post("/v1/groups/g/acquire", {"topics": ["t"], "member": "grace"})


async def send_another_body(it: Broker) -> Answer:
    it.bounds.buffered.hold(1024)
    return await it.ask("POST", "/produce", [b'{"topic":', b'"t"}'], JSON)


async def open_a_stream(it: Broker) -> Answer:
    await it.post("/topics/register", {"topic": "t"})
    return await it.get(f"{RECORDS}?follow=true")


OVER = {
    "memory_limit": Over(1024 * 1024, 429, fill_the_memory),
    "max_partitions": Over(2, 429, make_a_third_topic),
    "max_groups": Over(1, 429, register_a_second_consumer),
    "max_committed_offsets": Over(1, 429, commit_a_second_offset),
    "group_max_size": Over(1, 429, bring_a_second_member),
    "message_max_bytes": Over(500, 413, lambda it: it.post(RECORDS, b"x" * 600, ()), named="max.message.bytes"),
    "max_body_bytes": Over(1024, 413, lambda it: it.post("/produce", b"x" * 1025)),
    "max_control_body_bytes": Over(1024, 413, lambda it: it.ask("PUT", "/v1/groups/g/offsets", [b" " * 1025], JSON)),
    "max_buffered_body_bytes": Over(1024, 503, send_another_body),
    "max_records_per_request": Over(2, 413, lambda it: it.post(RECORDS, [{"value": n} for n in range(3)])),
    "max_streams": Over(0, 503, open_a_stream),
}
ELSEWHERE = {
    "cluster_queue_bytes": "../engine/kafka_cluster/test_producing.py"
    "::test_what_would_not_fit_beside_what_waits_is_refused_until_that_has_gone",
    "cluster_readers": "../engine/kafka_cluster/test_reader_pool.py"
    "::test_there_are_never_more_consumers_than_the_limit_and_who_waits_too_long_is_refused",
    "cluster_shared_groups": "../../../contract/test_gateways.py::test_a_gateway_shares_so_many_groups_and_no_more",
    "cluster_timeout": "../engine/kafka_cluster/test_pooled_reader.py"
    "::test_records_that_are_known_and_do_not_come_are_an_error_in_time",
    "max_head_bytes": "test_connection_abuse.py::test_a_head_without_an_end_is_431_and_the_connection_is_closed",
    "max_connections": "test_connection_reserve.py::test_past_the_limit_a_health_check_is_answered_and_all_else_is_503",
    "max_connections_per_address": "test_connection_reserve.py"
    "::test_one_address_has_a_limit_of_its_own_where_there_is_one",
    "max_pipelined": "test_connection_abuse.py::test_a_request_too_many_is_refused_when_its_turn_comes",
    "max_pipelined_body_bytes": "test_connection_abuse.py::test_a_large_body_behind_another_request_is_refused",
    "metrics_max_partitions": "test_metrics.py::test_topics_and_groups_that_do_not_fit_are_left_out_whole_and_counted",
    "max_wait_ms": "test_guide_routes.py::test_a_long_poll_ends_with_204_when_its_time_or_the_cap_is_over",
    "header_timeout": "test_connection.py::test_a_head_that_trickles_is_cut_off_after_the_header_time_with_408",
    "body_timeout": "test_connection.py::test_a_body_that_trickles_is_cut_off_after_the_body_time_with_408",
    "idle_timeout": "test_connection.py::test_a_connection_without_a_request_is_closed_after_the_idle_time",
    "max_decompressed_bytes": "../core/test_decompression.py"
    "::test_a_batch_is_opened_up_to_the_limit_and_not_a_byte_wider",
    "share_max_delivery_count": "../engine/test_dead_letters.py"
    "::test_a_record_that_was_delivered_too_often_is_written_with_its_count_and_reason",
    "share_max_in_flight": "../engine/test_shared_groups.py"
    "::test_room_in_flight_holds_new_records_back_and_ends_the_wait_when_there_is_some",
    "share_max_lock_ms": "../engine/test_shared_groups.py"
    "::test_a_lock_and_a_delay_are_cut_to_the_longest_that_is_allowed",
    "max_group_bytes": "../kafka_wire/test_port_settings.py"
    "::test_a_member_says_as_much_as_the_memory_of_groups_has_room_for",
    "offset_metadata_max_bytes": "../kafka_wire/test_port_settings.py"
    "::test_as_much_text_is_kept_with_an_offset_as_the_setting_says",
    "max_producers": "../kafka_wire/test_port_settings.py::test_as_many_producers_are_remembered_as_the_setting_says",
    "producer_id_expiration_ms": "../kafka_wire/test_port_settings.py"
    "::test_a_silent_producer_is_remembered_as_long_as_the_setting_says",
    "max_named_producers": "../core/test_producer_sequences.py"
    "::test_of_too_many_producers_the_one_that_was_silent_longest_is_forgotten",
    "group_min_session_timeout_ms": "../kafka_wire/test_port_settings.py"
    "::test_a_session_time_out_is_within_the_settings",
    "group_max_session_timeout_ms": "../kafka_wire/test_port_settings.py"
    "::test_a_session_time_out_is_within_the_settings",
    "max_incremental_fetch_session_cache_slots": "../kafka_wire/test_port_settings.py"
    "::test_a_consumer_has_a_fetch_session_where_the_settings_have_room",
    "max_fetch_session_partitions": "../kafka_wire/test_port_settings.py"
    "::test_a_consumer_has_a_fetch_session_where_the_settings_have_room",
    "socket_request_max_bytes": "../kafka_wire/test_port_settings.py"
    "::test_a_request_is_as_large_as_the_setting_lets_it_be",
    "queued_max_request_bytes": "../kafka_wire/test_server_limits.py"
    "::test_while_others_fill_the_memory_a_large_request_waits_and_is_answered_when_there_is_room",
    "max_request_elements": "../kafka_wire/test_port_settings.py"
    "::test_a_request_has_as_many_elements_as_the_setting_lets_it_have",
    "max_ahead_bytes": "../kafka_wire/test_port_settings.py"
    "::test_what_is_sent_ahead_is_kept_as_far_as_the_setting_says",
    "fetch_max_bytes": "../kafka_wire/test_port_settings.py"
    "::test_a_fetch_gives_as_much_as_the_settings_and_the_unread_answers_let_it",
    "max_unread_bytes": "../kafka_wire/test_port_settings.py"
    "::test_a_fetch_gives_as_much_as_the_settings_and_the_unread_answers_let_it",
    "connections_max_idle_ms": "../kafka_wire/test_server_limits.py"
    "::test_a_connection_without_a_request_is_closed_after_the_idle_time_without_a_word",
    "stall_timeout": "../kafka_wire/test_server_limits.py"
    "::test_a_client_that_is_silent_amid_a_request_is_cut_off_with_one_line",
}
"""The tests of limits that no answer of a route tells about: those of a connection, and those that only cut."""


def setting(name: str) -> str:
    return environment_name(BrokerSettings, name)


def test_every_limit_has_a_test() -> None:
    assert sorted([*OVER, *ELSEWHERE]) == sorted(LIMITS)
    for place in ELSEWHERE.values():
        file, _, function = place.partition("::")
        tree = ast.parse((Path(__file__).parent / file).read_text())
        assert function in {getattr(node, "name", "") for node in tree.body}, place


@pytest.mark.parametrize("name", OVER)
def test_over_a_limit_the_answer_names_its_setting_and_says_when_to_try_again(name: str) -> None:
    over = OVER[name]

    async def story(it: Broker) -> None:
        answer = await over.ask(it)
        assert answer.status == over.status
        problem = answer.json()
        assert (over.named or setting(name)) in problem["detail"]
        assert setting(name) in KINDS[problem["code"]].settings
        assert answer.headers.get("retry-after") == ("1" if over.status in {429, 503} else None)

    settings: dict[str, Any] = {name: over.limit}
    tell(story, **settings)


def test_every_limit_is_on_the_page_of_limits_with_its_reason_in_the_settings() -> None:
    table = (ROOT / "docs" / "limits.md").read_text()
    assert [name for name in LIMITS if f"`{setting(name)}`" not in table] == []
    assert all(len(BrokerSettings.model_fields[name].description or "") > 40 for name in LIMITS)


def test_a_limit_of_partitions_is_one_of_topics_because_each_has_one() -> None:
    async def story(it: Broker) -> None:
        answers = [await it.post("/topics/register", {"topic": f"t{n}"}) for n in range(6)]
        assert [answer.status for answer in answers] == [200] * 5 + [429]

    tell(story, max_partitions=5)
