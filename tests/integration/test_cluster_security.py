"""A gateway gets into a cluster by every way that has settings, or says in time what to set; and it tells no secret."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from confluent_kafka.admin import AclOperation

from tests.integration.deadlines import wait_until
from tests.integration.programs import BIN, Program
from tests.support.certificates import KEY_PASSWORD, Certificates
from tests.support.secured_kafka import PASSWORDS, SecuredKafka, running_secured_kafka
from tests.support.token_endpoint import TOKEN_S, TokenEndpoint, serving

pytestmark = pytest.mark.docker

TIMEOUT_S = 2
"""MINI_KAFKA_CLUSTER_TIMEOUT of gateways that cannot get in."""
SLACK_S = 4
WRONG = "a secret that is wrong"
PAGES = ("/metrics", "/openapi.json", "/v1", "/readyz", "/errors")
SECRETS = (*PASSWORDS.values(), KEY_PASSWORD, WRONG)


class World(NamedTuple):
    """A Kafka, an identity provider, and files."""

    kafka: SecuredKafka
    tokens: TokenEndpoint
    certificates: Certificates
    folder: Path

    def secret(self, text: str) -> str:
        """Write a secret into a file, and give its path."""
        path = self.folder / f"secret-{time.monotonic_ns()}"
        path.write_text(f"{text}\n", encoding="utf-8")
        return str(path)

    def tls(self, listener: str, authority: Path | None = None) -> list[str]:
        """Trust the cluster's authority, or another one."""
        protocol = "SSL" if listener in {"tls", "mutual"} else "SASL_SSL"
        return [
            "--bootstrap-servers", self.kafka.addresses[listener], "--security-protocol", protocol,
            "--ssl-ca-file", str(authority or self.certificates.authority),
        ]  # fmt: skip

    def login(self, mechanism: str, password: str, user: str = "gateway") -> list[str]:
        """Log in with a password from a file."""
        return [
            "--sasl-mechanism", mechanism, "--sasl-username", user, "--sasl-password-file", self.secret(password)
        ]  # fmt: skip

    def token(self, password: str = PASSWORDS["gateway"], url: str = "") -> list[str]:
        """Log in with tokens."""
        return [
            *self.tls("token"), *self.login("OAUTHBEARER", password), "--sasl-token-url", url or self.tokens.url,
            "--sasl-token-ca-file", str(self.certificates.authority),
        ]  # fmt: skip

    def shown(self, *, locked: bool) -> list[str]:
        """Show a certificate, whose key may have a password."""
        certificate, key = self.certificates.of_client("gateway", password=KEY_PASSWORD if locked else "")
        files = ["--ssl-certificate-file", str(certificate), "--ssl-key-file", str(key)]
        return [*files, "--ssl-key-password-file", self.secret(KEY_PASSWORD)] if locked else files


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("security")
    certificates = Certificates(folder / "certificates")
    tokens = TokenEndpoint("gateway", PASSWORDS["gateway"])
    with (
        serving(tokens, certificates.of_server("127.0.0.1")),
        running_secured_kafka(certificates, tokens) as kafka,
    ):
        kafka.let_in("gateway", PASSWORDS["gateway"])
        yield World(kafka, tokens, certificates, folder)


def gateway(*settings: str, timeout_s: int = 15) -> Program:
    return Program(
        BIN / "mini-kafka", "--engine", "kafka", "--cluster-timeout", str(timeout_s), "--http-port", "0",
        "--log-level", "debug", *settings,
    )  # fmt: skip


def url_of(program: Program) -> str:
    return "http://" + program.line(r"^listening http=(\S+) engine=kafka$")[1]


def is_ready(url: str) -> bool:
    return requests.get(f"{url}/readyz", timeout=10).ok


def assert_tells_no_secret(program: Program, *answers: requests.Response) -> None:
    said = "\n".join([*(answer.text for answer in answers), *program.out, *program.err])
    assert not [secret for secret in SECRETS if secret in said]
    assert "Traceback" not in said


WAYS: dict[str, Callable[[World], list[str]]] = {
    "TLS": lambda world: world.tls("tls"),
    "mutual TLS": lambda world: [*world.tls("mutual"), *world.shown(locked=False)],
    "mutual TLS, a key with a password": lambda world: [*world.tls("mutual"), *world.shown(locked=True)],
    "PLAIN over TLS": lambda world: [*world.tls("login"), *world.login("PLAIN", PASSWORDS["gateway"])],
    "SCRAM-SHA-256 over TLS": lambda world: [*world.tls("login"), *world.login("SCRAM-SHA-256", PASSWORDS["gateway"])],
    "SCRAM-SHA-512 over TLS": lambda world: [*world.tls("login"), *world.login("SCRAM-SHA-512", PASSWORDS["gateway"])],
    "SCRAM-SHA-512 in plain text": lambda world: [
        "--bootstrap-servers", world.kafka.addresses["open"], "--security-protocol", "SASL_PLAINTEXT",
        *world.login("SCRAM-SHA-512", PASSWORDS["gateway"]),
    ],
    "OAUTHBEARER over TLS": lambda world: world.token(),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_client_of_a_gateway_gets_in(world: World, way: str) -> None:
    """The admin client, the producer, the readers, the members of groups, and who asks for committed offsets."""
    with gateway(*WAYS[way](world)) as program:
        url = url_of(program)
        wait_until(lambda: is_ready(url), "the gateway is ready")
        records = f"{url}/v1/topics/way-{time.time_ns()}/records"
        topic = records.split("/")[-2]
        assert requests.post(records, json=[{"value": "one"}, {"value": "two"}], timeout=30).ok
        read = requests.get(records, params={"from": "earliest"}, timeout=30).json()["records"]
        assert sorted(record["value"] for record in read) == ["one", "two"]
        requests.post(f"{url}/consumers/register", json={"topic": topic, "consumer_id": topic}, timeout=30)
        consumed = requests.post(f"{url}/consume", json={"consumer_id": topic}, timeout=30).json()
        assert consumed["value"] in {"one", "two"}
        group = f"{url}/v1/groups/shared-{topic}"
        wish = {"topics": [topic], "max_records": 10, "wait_ms": 10_000}
        locks = [one["lock"] for one in requests.post(f"{group}/acquire", json=wish, timeout=30).json()["records"]]
        assert requests.post(f"{group}/acknowledge", json={"accept": locks}, timeout=30).json()["accepted"] == 2
        described = requests.get(group, timeout=30).json()["partitions"]
        assert sum(partition["committed_offset"] for partition in described) == 2
        assert_tells_no_secret(program, *(requests.get(url + page, timeout=30) for page in PAGES))


OUTSIDE: dict[str, tuple[Callable[[World], list[str]], str]] = {
    "a wrong password": (lambda world: [*world.tls("login"), *world.login("PLAIN", WRONG)], "MINI_KAFKA_SASL_USERNAME"),
    "a wrong SCRAM password": (
        lambda world: [*world.tls("login"), *world.login("SCRAM-SHA-512", WRONG)], "MINI_KAFKA_SASL_USERNAME"),
    "an authority that is not the cluster's": (
        lambda world: world.tls("tls", Certificates(world.folder / "others").authority), "MINI_KAFKA_SSL_CA_FILE"),
    "another host's certificate": (
        lambda world: [*world.tls("tls"), "--bootstrap-servers", f"localhost:{world.kafka.ports['tls']}"],
        "MINI_KAFKA_BOOTSTRAP_SERVERS"),
    "no certificate where one is wanted": (lambda world: world.tls("mutual"), "MINI_KAFKA_SSL_CERTIFICATE_FILE"),
    "plain text where TLS is wanted": (
        lambda world: ["--bootstrap-servers", world.kafka.addresses["tls"]], "MINI_KAFKA_SECURITY_PROTOCOL"),
    "TLS where plain text is wanted": (
        lambda world: [*world.tls("tls"), "--bootstrap-servers", world.kafka.addresses["admin"]],
        "MINI_KAFKA_SECURITY_PROTOCOL"),
    "a mechanism that is not offered": (
        lambda world: [*world.token(), "--bootstrap-servers", world.kafka.addresses["login"]],
        "MINI_KAFKA_SASL_MECHANISM"),
    "a wrong secret for tokens": (lambda world: world.token(WRONG), "MINI_KAFKA_SASL_TOKEN_URL"),
    "a token endpoint that is away": (
        lambda world: world.token(url="https://127.0.0.1:1/token"), "MINI_KAFKA_SASL_TOKEN_URL"),
}  # fmt: skip


@pytest.fixture(scope="module")
def outside(world: World) -> Iterator[dict[str, Program]]:
    """Start all gateways that cannot get in at once, for each needs some seconds to know."""
    with ExitStack() as running:
        yield {
            why: running.enter_context(gateway(*settings(world), timeout_s=TIMEOUT_S))
            for why, (settings, _) in OUTSIDE.items()
        }


@pytest.mark.parametrize("why", OUTSIDE)
def test_a_gateway_that_cannot_get_in_is_alive_and_says_in_time_what_to_set(
    world: World, outside: dict[str, Program], why: str
) -> None:
    program, setting = outside[why], OUTSIDE[why][1]
    url = url_of(program)
    wait_until(lambda: setting in requests.get(f"{url}/readyz", timeout=10).text, f"the reason names {setting}")
    assert requests.get(f"{url}/livez", timeout=10).status_code == 200
    assert requests.get(f"{url}/readyz", timeout=10).status_code == 503
    begun = time.monotonic()
    answer = requests.post(f"{url}/v1/topics/t/records", data=b"x", timeout=60)
    assert time.monotonic() - begun < TIMEOUT_S + SLACK_S
    assert (answer.status_code, answer.json()["code"]) == (503, "CLUSTER_NOT_AVAILABLE")
    assert setting in answer.json()["detail"]
    assert_tells_no_secret(program, answer, requests.get(f"{url}/readyz", timeout=10))


def test_a_gateway_gets_in_by_itself_when_the_cluster_knows_its_password(world: World) -> None:
    login = world.login("SCRAM-SHA-256", PASSWORDS["newcomer"], "newcomer")
    with gateway(*world.tls("login"), *login, timeout_s=TIMEOUT_S) as program:
        url = url_of(program)
        wait_until(lambda: "SASL_USERNAME" in requests.get(f"{url}/readyz", timeout=10).text, "it is not let in")
        world.kafka.let_in("newcomer", PASSWORDS["newcomer"])
        wait_until(lambda: is_ready(url), "the gateway is ready")


def test_tokens_are_renewed_before_they_end_and_after_the_endpoint_was_away(world: World) -> None:
    with gateway(*world.token()) as program:
        url = url_of(program)
        records = f"{url}/v1/topics/renewed/records"
        wait_until(lambda: requests.post(records, data=b"first", timeout=30).ok, "the cluster takes records")
        given = world.tokens.given
        until = time.monotonic() + 2 * TOKEN_S
        while time.monotonic() < until:  # a connection ends with its token
            assert requests.post(records, data=b"meanwhile", timeout=30).ok
            assert requests.get(records, params={"from": "-1"}, timeout=30).ok
        assert world.tokens.given > given
        world.tokens.is_away = True
        wait_until(
            lambda: "SASL_TOKEN_URL" in requests.get(f"{url}/readyz", timeout=10).text, "no token is good any more"
        )
        world.tokens.is_away = False
        wait_until(lambda: requests.post(records, data=b"last", timeout=30).ok, "the cluster takes records again")
        assert_tells_no_secret(program)


def test_a_right_that_is_lacking_is_403_at_once_and_its_grant_needs_no_restart(world: World) -> None:
    kafka, topic = world.kafka, "denied"
    login = world.login("PLAIN", PASSWORDS["newcomer"], "newcomer")
    with gateway(*WAYS["TLS"](world)) as program:
        requests.put(f"{url_of(program)}/v1/topics/{topic}", timeout=30).raise_for_status()
    with gateway(*world.tls("login"), *login) as program:
        url = url_of(program)
        wait_until(lambda: is_ready(url), "the gateway is ready")
        records, acquire = f"{url}/v1/topics/{topic}/records", f"{url}/v1/groups/{topic}/acquire"
        wish = {"topics": [topic], "wait_ms": 10_000}

        def denied(answer: requests.Response) -> bool:
            is_it = (answer.status_code, answer.json()["code"]) == (403, "CLUSTER_AUTHORIZATION_FAILED")
            return is_it and "give the user the right" in answer.json()["detail"]

        assert denied(requests.get(records, timeout=TIMEOUT_S))
        kafka.allow("newcomer", AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS, topic=topic)
        wait_until(lambda: requests.get(records, timeout=TIMEOUT_S).ok, "the topic may be looked at")
        # Nothing may be written anywhere, so Kafka gives out no number for an idempotent producer.
        assert denied(requests.post(records, data=b"x", timeout=TIMEOUT_S))
        assert denied(requests.post(acquire, json=wish, timeout=TIMEOUT_S))
        kafka.allow("newcomer", AclOperation.WRITE, AclOperation.READ, topic=topic)
        kafka.allow("newcomer", AclOperation.READ, group=topic)
        wait_until(lambda: requests.post(records, data=b"x", timeout=30).ok, "the topic may be written to")
        wait_until(lambda: requests.post(acquire, json=wish, timeout=30).ok, "the group may be read in")
        assert_tells_no_secret(program)
