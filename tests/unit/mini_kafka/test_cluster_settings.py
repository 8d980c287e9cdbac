"""A gateway's settings: contradictions are refused in a sentence, and a secret is shown nowhere."""

import re
from pathlib import Path

import pytest

from mini_kafka.cluster_settings import CannotUseCluster
from mini_kafka.gateway import build_config, build_engine
from mini_kafka.settings import LIMITS_OF_A_GATEWAY, LIMITS_OF_BOTH, BrokerSettings, limits_of
from mini_kafka_shared.settings import load

GATEWAY = {"MINI_KAFKA_ENGINE": "kafka", "MINI_KAFKA_BOOTSTRAP_SERVERS": "a:9092,[::1]:9093"}
LOGIN = {
    "MINI_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "MINI_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "MINI_KAFKA_SASL_USERNAME": "gateway",
    "MINI_KAFKA_SASL_PASSWORD": "hunter2",
}
KEY = {
    "MINI_KAFKA_SECURITY_PROTOCOL": "SSL",
    "MINI_KAFKA_SSL_CERTIFICATE_FILE": "gateway.crt",
    "MINI_KAFKA_SSL_KEY_FILE": "gateway.key",
}
TOKENS = LOGIN | {"MINI_KAFKA_SASL_MECHANISM": "OAUTHBEARER", "MINI_KAFKA_SASL_TOKEN_URL": "https://id/token"}


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
        ({"MINI_KAFKA_SSL_KEY_PASSWORD": "hunter2"}, "needs the key"),
        ({**KEY, "MINI_KAFKA_SSL_KEY_PASSWORD": "hunter2", "MINI_KAFKA_SSL_KEY_PASSWORD_FILE": "p"}, "given twice"),
        ({**LOGIN, "MINI_KAFKA_SASL_PASSWORD": ""}, "MINI_KAFKA_SASL_PASSWORD_FILE or"),
        ({**LOGIN, "MINI_KAFKA_SASL_USERNAME": ""}, "needs MINI_KAFKA_SASL_USERNAME"),
        ({**LOGIN, "MINI_KAFKA_SASL_MECHANISM": "OAUTHBEARER"}, "MINI_KAFKA_SASL_TOKEN_URL"),
        ({**LOGIN, "MINI_KAFKA_SASL_TOKEN_URL": "https://id/token"}, "belong together"),
        ({**LOGIN, "MINI_KAFKA_SASL_TOKEN_SCOPE": "kafka"}, "are for OAUTHBEARER"),
        ({**TOKENS, "MINI_KAFKA_SASL_TOKEN_URL": "id/token"}, "is not the address of a token endpoint"),
        ({**TOKENS, "MINI_KAFKA_SASL_TOKEN_URL": "https://me@id/token"}, "is not the address of a token endpoint"),
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
    file.write_text("\n")
    with pytest.raises(CannotUseCluster, match="MINI_KAFKA_SASL_PASSWORD_FILE is empty"):
        build_config(settings(environ))
    file.unlink()
    with pytest.raises(CannotUseCluster, match="MINI_KAFKA_SASL_PASSWORD_FILE cannot be read"):
        build_config(settings(environ))


def test_oauthbearer_asks_a_token_endpoint() -> None:
    told = build_config(settings(GATEWAY | TOKENS | {"MINI_KAFKA_SASL_TOKEN_SCOPE": "kafka"})).security.settings
    assert told["sasl.oauthbearer.method"] == "oidc"
    assert told["sasl.oauthbearer.client.secret"] == "hunter2"
    assert told["sasl.oauthbearer.scope"] == "kafka"
    assert "sasl.password" not in told


def test_the_token_endpoint_is_trusted_by_the_systems_authorities_or_by_those_of_a_file(tmp_path: Path) -> None:
    assert build_config(settings(GATEWAY | TOKENS)).security.settings["https.ca.location"] == "probe"
    file = tmp_path / "ca.pem"
    file.touch()
    environ = GATEWAY | TOKENS | {"MINI_KAFKA_SASL_TOKEN_CA_FILE": str(file)}
    assert build_config(settings(environ)).security.settings["https.ca.location"] == str(file)


@pytest.mark.parametrize("name", ["SSL_CA_FILE", "SSL_CERTIFICATE_FILE", "SSL_KEY_FILE"])
def test_a_file_that_is_not_there_is_said_at_the_start(tmp_path: Path, name: str) -> None:
    there = tmp_path / "there"
    there.touch()
    files = dict.fromkeys(("SSL_CA_FILE", "SSL_CERTIFICATE_FILE", "SSL_KEY_FILE"), there) | {name: tmp_path / "not"}
    environ = GATEWAY | KEY | {f"MINI_KAFKA_{one}": str(path) for one, path in files.items()}
    with pytest.raises(CannotUseCluster, match=f"MINI_KAFKA_{name} cannot be read: No such file"):
        build_engine(settings(environ))


def test_a_file_that_holds_no_certificate_is_said_at_the_start_by_its_settings_name(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    environ = GATEWAY | {"MINI_KAFKA_SECURITY_PROTOCOL": "SSL", "MINI_KAFKA_SSL_CA_FILE": str(tmp_path / "ca.pem")}
    with pytest.raises(CannotUseCluster, match=r"MINI_KAFKA_SSL_CA_FILE failed: .*; it has to hold certificates"):
        build_engine(settings(environ))


def test_partitions_are_the_clusters_affair_unless_they_are_set() -> None:
    assert build_config(settings(GATEWAY)).num_partitions is None
    assert build_config(settings(GATEWAY, "--num-partitions", "3")).num_partitions == 3


def test_the_settings_that_a_document_shows_are_settings_of_a_gateway(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[3] / "docs" / "scaling.md").read_text(encoding="utf-8")
    password, token = (
        dict(re.findall(r"^(\w+)=(.+)$", block, re.MULTILINE))
        for block in re.findall(r"```text\n(.*?)```", text, re.DOTALL)
        if "MINI_KAFKA_SASL_MECHANISM" in block
    )
    assert settings(password).sasl_mechanism == "SCRAM-SHA-512"
    assert settings(password | token).sasl_mechanism == "OAUTHBEARER"
    assert capsys.readouterr().err == ""


def test_a_gateway_shows_its_own_limits_and_none_that_only_a_log_in_ram_has() -> None:
    gateway = limits_of(BrokerSettings(engine="kafka", bootstrap_servers=("127.0.0.1:1",), cluster_readers=3))
    assert gateway["cluster_readers"] == 3
    assert gateway.keys() == {*LIMITS_OF_A_GATEWAY, *LIMITS_OF_BOTH}
