"""A gateway's settings: contradictions are refused in a sentence, and a secret is shown nowhere."""

from pathlib import Path

import pytest

from mini_kafka.cluster_settings import CannotUseCluster
from mini_kafka.gateway import build_config, build_engine
from mini_kafka.settings import BrokerSettings
from mini_kafka_shared.settings import load

GATEWAY = {"MINI_KAFKA_ENGINE": "kafka", "MINI_KAFKA_BOOTSTRAP_SERVERS": "a:9092,[::1]:9093"}
LOGIN = {
    "MINI_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "MINI_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "MINI_KAFKA_SASL_USERNAME": "gateway",
    "MINI_KAFKA_SASL_PASSWORD": "hunter2",
}


def settings(environ: dict[str, str], *argv: str) -> BrokerSettings:
    return load(BrokerSettings, argv, prog="mini-kafka", description="", environ=environ).settings


def test_a_gateway_needs_two_settings_and_no_more() -> None:
    config = build_config(settings(GATEWAY))
    assert config.bootstrap_servers == ("a:9092", "[::1]:9093")
    assert config.security.settings == {"security.protocol": "PLAINTEXT"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"MINI_KAFKA_BOOTSTRAP_SERVERS": ""}, "needs the cluster's address"),
        ({"MINI_KAFKA_BOOTSTRAP_SERVERS": "a"}, "is not an address: write HOST:PORT"),
        ({"MINI_KAFKA_ENGINE": "memory"}, "engine=memory asks none"),
        ({"MINI_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "set MINI_KAFKA_SASL_MECHANISM"),
        ({"MINI_KAFKA_SASL_MECHANISM": "PLAIN"}, "does not log in"),
        ({"MINI_KAFKA_SASL_PASSWORD": "hunter2"}, "does not log in"),
        ({"MINI_KAFKA_SSL_CA_FILE": "ca.pem"}, "uses no TLS"),
        ({"MINI_KAFKA_SECURITY_PROTOCOL": "SSL", "MINI_KAFKA_SSL_KEY_FILE": "key.pem"}, "belong together"),
        ({**LOGIN, "MINI_KAFKA_SASL_PASSWORD_FILE": "p"}, "given twice"),
        ({**LOGIN, "MINI_KAFKA_SASL_PASSWORD": ""}, "MINI_KAFKA_SASL_PASSWORD_FILE or"),
        ({**LOGIN, "MINI_KAFKA_SASL_USERNAME": ""}, "needs MINI_KAFKA_SASL_USERNAME"),
        ({**LOGIN, "MINI_KAFKA_SASL_MECHANISM": "OAUTHBEARER"}, "MINI_KAFKA_SASL_TOKEN_URL"),
        ({**LOGIN, "MINI_KAFKA_SASL_TOKEN_URL": "https://id/token"}, "belong together"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_in_a_sentence(
    changes: dict[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        settings(GATEWAY | changes)
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert says in said
    assert said.count("\n") == 1
    assert "hunter2" not in said


def test_a_login_reaches_the_client_and_nothing_that_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = settings(GATEWAY | LOGIN)
    config = build_config(chosen)
    assert config.security.settings == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "gateway",
        "sasl.password": "hunter2",
    }
    with pytest.raises(SystemExit):
        settings(GATEWAY | LOGIN, "--print-config")
    assert "hunter2" not in capsys.readouterr().out + repr(chosen) + repr(config)


def test_a_password_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    environ = GATEWAY | LOGIN | {"MINI_KAFKA_SASL_PASSWORD": "", "MINI_KAFKA_SASL_PASSWORD_FILE": str(file)}
    assert build_config(settings(environ)).security.settings["sasl.password"] == "hunter2"
    file.unlink()
    with pytest.raises(CannotUseCluster, match="MINI_KAFKA_SASL_PASSWORD_FILE cannot be read"):
        build_config(settings(environ))


def test_oauthbearer_asks_a_token_endpoint() -> None:
    environ = (
        GATEWAY
        | LOGIN
        | {
            "MINI_KAFKA_SASL_MECHANISM": "OAUTHBEARER",
            "MINI_KAFKA_SASL_TOKEN_URL": "https://id/token",
        }
    )
    told = build_config(settings(environ)).security.settings
    assert told["sasl.oauthbearer.method"] == "oidc"
    assert told["sasl.oauthbearer.client.secret"] == "hunter2"
    assert "sasl.password" not in told


def test_a_file_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    missing = GATEWAY | {"MINI_KAFKA_SECURITY_PROTOCOL": "SSL", "MINI_KAFKA_SSL_CA_FILE": str(tmp_path / "ca.pem")}
    with pytest.raises(CannotUseCluster, match=r"ssl\.ca\.location"):
        build_engine(settings(missing))


def test_partitions_are_the_clusters_affair_unless_they_are_set() -> None:
    assert build_config(settings(GATEWAY)).num_partitions is None
    assert build_config(settings(GATEWAY, "--num-partitions", "3")).num_partitions == 3
