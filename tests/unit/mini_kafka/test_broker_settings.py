"""The broker's settings: the defaults that are worked out, and the names that none may have."""

import resource

import pytest
from pydantic import ValidationError

from mini_kafka.bootstrap import build_engine, build_limits, fit_open_files, raise_open_files_limit
from mini_kafka.core.topic_config import TopicConfig
from mini_kafka.http_api.bounds import Limits
from mini_kafka.settings import BrokerSettings
from mini_kafka_shared.settings import environment_name, is_injected_by_kubernetes, load


def test_no_setting_has_a_name_that_kubernetes_injects() -> None:
    for name in BrokerSettings.model_fields:
        assert not is_injected_by_kubernetes(BrokerSettings, environment_name(BrokerSettings, name))


def test_all_wrong_values_are_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"MINI_KAFKA_HTTP_PORT": "70000", "MINI_KAFKA_MEMORY_LIMIT": "lots", "MINI_KAFKA_LOG_LEVEL": "loud"}
    with pytest.raises(SystemExit) as caught:
        load(BrokerSettings, ["--num-partitions", "0"], prog="mini-kafka", description="", environ=environ)
    assert caught.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    for name in (*environ, "--num-partitions"):
        assert sum(name in line for line in lines) == 1


def test_sizes_may_be_written_with_their_unit() -> None:
    loaded = load(BrokerSettings, ["--memory-limit", "512MiB"], prog="mini-kafka", description="", environ={})
    assert loaded.settings.memory_limit == 512 * 1024**2


def test_the_settings_reach_the_engine() -> None:
    settings = BrokerSettings(
        memory_limit="2MiB",
        num_partitions=3,
        auto_create_topics_enable=False,
        log_retention_ms=1000,
        log_retention_bytes=2000,
        message_max_bytes=3000,
        log_message_timestamp_type="LogAppendTime",
        max_wait_ms=4000,
        group_max_size=9,
        share_max_delivery_count=2,
        share_max_in_flight=20,
        share_max_lock_ms=5000,
        dead_letter_topic="dead",
    )
    config = build_engine(settings)._config
    assert (config.memory_limit, config.num_partitions, config.auto_create_topics) == (2 * 1024**2, 3, False)
    assert (config.max_wait_ms, config.group_max_size) == (4000, 9)
    assert (config.share_max_delivery_count, config.share_max_in_flight) == (2, 20)
    assert (config.share_max_lock_ms, config.dead_letter_topic) == (5000, "dead")
    assert config.topic_defaults.as_mapping() == TopicConfig().as_mapping() | {
        "retention.ms": "1000",
        "retention.bytes": "2000",
        "max.message.bytes": "3000",
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
    }


@pytest.mark.parametrize("name", ["log_retention_ms", "log_retention_bytes", "max_wait_ms", "memory_limit"])
def test_a_number_that_no_computer_needs_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        BrokerSettings.model_validate({name: 10**400})


@pytest.mark.parametrize("name", ["", "dead", "{topic}.dlq", "dlq.{topic}"])
def test_a_dead_letter_topic_is_a_name_with_one_place_for_the_topic(name: str) -> None:
    assert BrokerSettings(dead_letter_topic=name).dead_letter_topic == name
    for wrong in ("no name", "{topic}{topic}", "{group}.dlq"):
        with pytest.raises(ValidationError):
            BrokerSettings(dead_letter_topic=wrong)


def test_more_connections_than_open_files_are_cut_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (1024, 1024))
    assert fit_open_files(BrokerSettings()).max_connections == 896
    assert fit_open_files(BrokerSettings(max_connections=500)).max_connections == 500
    assert not caplog.records
    assert fit_open_files(BrokerSettings(max_connections=897)).max_connections == 896
    assert "MINI_KAFKA_MAX_CONNECTIONS (897)" in caplog.text


def test_the_settings_reach_the_connections() -> None:
    settings = BrokerSettings(
        header_timeout=1, body_timeout=2, idle_timeout=3, max_head_bytes=4096, max_pipelined=5,
        max_pipelined_body_bytes=6,
    )  # fmt: skip
    assert build_limits(settings) == Limits(1, 2, 3, 4096, 5, 6)


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "expected"),
    [
        (1024, 4096, 4096, 4096),
        (256, resource.RLIM_INFINITY, 10_240, 10_240),  # as macOS has it: no hard limit, and none that it takes
        (256, resource.RLIM_INFINITY, 100_000, 65_536),
        (4096, 4096, 4096, 4096),
        (256, resource.RLIM_INFINITY, 256, 256),
        (20_000, resource.RLIM_INFINITY, 10_240, 20_000),
    ],
)
def test_the_limit_of_open_files_is_raised_as_far_as_the_machine_lets_it(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, allowed: int, expected: int
) -> None:
    limits = [soft, hard]

    def set_limit(_kind: int, wanted: tuple[int, int]) -> None:
        if not 0 <= wanted[0] <= allowed:
            raise ValueError("current limit exceeds maximum limit")
        limits[:] = wanted

    monkeypatch.setattr(resource, "getrlimit", lambda _kind: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    raise_open_files_limit()
    assert limits[0] == expected


@pytest.mark.parametrize(
    ("listeners", "advertised", "exist"),
    [
        ([], "OTHER://broker:9092", "PLAINTEXT, and"),
        (["--listeners", "INSIDE://:9092,OUTSIDE://:9093"], "OUTSIDE://a:1,PLAINTEXT://a:2", "INSIDE, OUTSIDE, and"),
    ],
)
def test_an_address_for_a_listener_that_does_not_exist_is_refused(
    listeners: list[str], advertised: str, exist: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Apache Kafka does: its listeners and those that it advertises may differ in one direction only."""
    with pytest.raises(SystemExit) as caught:
        load(
            BrokerSettings, [*listeners, "--advertised-listeners", advertised],
            prog="mini-kafka", description="", environ={},
        )  # fmt: skip
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--advertised-listeners" in line
    assert f"which does not exist: there is {exist}" in line


def test_a_listener_need_not_be_advertised() -> None:
    settings = BrokerSettings.model_validate(
        {"listeners": "INSIDE://:9092,OUTSIDE://:9093", "advertised_listeners": "outside://example.org:9093"}
    )
    assert [listener.name for listener in settings.advertised_listeners] == ["OUTSIDE"]
    assert BrokerSettings.model_validate({"advertised_listeners": "PLAINTEXT://b:1"}).advertised_listeners
