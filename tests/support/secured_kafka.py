"""A real Apache Kafka of one node that lets in who it knows: a listener for each way, and rights for each user.

Whoever comes by `admin`, in plain text and without a name, may do all; every other user what the test lets it.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from testcontainers.core.container import DockerContainer

from tests.compat.clients import APACHE_KAFKA_IMAGE
from tests.integration.deadlines import wait_until
from tests.support.apache_kafka import SETTINGS, answers
from tests.support.certificates import Certificates
from tests.support.token_endpoint import AUDIENCE, ISSUER, TokenEndpoint

LISTENERS = {
    "admin": "PLAINTEXT",
    "tls": "SSL",
    "mutual": "SSL",
    "login": "SASL_SSL",
    "open": "SASL_PLAINTEXT",
    "token": "SASL_SSL",
}
"""The listeners' names, which say nothing of TLS: the image wants files in places of its own for those that do."""
PASSWORDS = {"gateway": "a secret of the gateway", "newcomer": "a secret of the newcomer"}
"""Those who may log in by PLAIN; the gateway may do all, the newcomer nothing at first."""
FOLDER = "/etc/kafka/test"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required " + " ".join(
    f'user_{user}="{password}"' for user, password in PASSWORDS.items()
)
_LOGIN = {
    "SASL_ENABLED_MECHANISMS": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    "PLAIN_SASL_JAAS_CONFIG": f"{_PLAIN};",
    **{
        f"SCRAM___SHA___{bits}_SASL_JAAS_CONFIG": "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        for bits in (256, 512)
    },
}
_OAUTH = "org.apache.kafka.common.security.oauthbearer"
_TOKEN = {
    "SASL_ENABLED_MECHANISMS": "OAUTHBEARER",
    "OAUTHBEARER_SASL_JAAS_CONFIG": f"{_OAUTH}.OAuthBearerLoginModule required;",
    "OAUTHBEARER_SASL_SERVER_CALLBACK_HANDLER_CLASS": f"{_OAUTH}.OAuthBearerValidatorCallbackHandler",
    "OAUTHBEARER_SASL_OAUTHBEARER_JWKS_ENDPOINT_URL": f"file://{FOLDER}/keys.json",
    "OAUTHBEARER_SASL_OAUTHBEARER_EXPECTED_AUDIENCE": AUDIENCE,
    "OAUTHBEARER_SASL_OAUTHBEARER_EXPECTED_ISSUER": ISSUER,
    "OAUTHBEARER_CONNECTIONS_MAX_REAUTH_MS": "60000",  # a connection ends with its token (KIP-368)
}


class SecuredKafka:
    """A node, the addresses of its listeners by name, and whom it lets do what."""

    def __init__(self) -> None:
        with ExitStack() as held:
            ports = [held.enter_context(socket.socket()) for _ in LISTENERS]
            for port in ports:
                port.bind(("127.0.0.1", 0))
            self.ports = dict(zip(LISTENERS, (port.getsockname()[1] for port in ports), strict=True))
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}

    def let_in(self, user: str, password: str) -> None:
        """Give a user a password for both kinds of SCRAM."""
        admin = self._admin()
        for kind in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            wanted = UserScramCredentialUpsertion(user, ScramCredentialInfo(kind, 4096), password.encode())
            for future in admin.alter_user_scram_credentials([wanted]).values():
                future.result(timeout=30)

    def allow(self, user: str, *operations: AclOperation, topic: str = "", group: str = "") -> None:
        """Give a user rights on a topic or a group."""
        resource, name = (ResourceType.TOPIC, topic) if topic else (ResourceType.GROUP, group)
        rights = [
            AclBinding(
                resource, name, ResourcePatternType.LITERAL, f"User:{user}", "*", operation, AclPermissionType.ALLOW
            )
            for operation in operations
        ]
        admin = self._admin()
        for future in admin.create_acls(rights).values():
            future.result(timeout=30)

    def _admin(self) -> AdminClient:
        """Give a client that may do all; it has to outlive what it is asked."""
        return AdminClient({"bootstrap.servers": self.addresses["admin"], "log_level": 0})


@contextmanager
def running_secured_kafka(certificates: Certificates, tokens: TokenEndpoint) -> Iterator[SecuredKafka]:
    """Start a node that shows a certificate for 127.0.0.1 and takes the endpoint's tokens, and take it down."""
    kafka = SecuredKafka()
    container = DockerContainer(APACHE_KAFKA_IMAGE)
    ports: dict[str, Any] = container.ports  # whose type has no place for an address
    for port in kafka.ports.values():
        ports[f"{port}/tcp"] = ("127.0.0.1", port)
    container.with_envs(**_settings(kafka))
    container.with_copy_into_container(certificates.of_server("127.0.0.1"), f"{FOLDER}/server.pem")
    container.with_copy_into_container(certificates.authority, f"{FOLDER}/ca.pem")
    container.with_copy_into_container(tokens.key_set().encode(), f"{FOLDER}/keys.json")
    # The files come after the container has started, this one last.
    container.with_command(
        ["bash", "-c", f"until test -s {FOLDER}/keys.json; do sleep 0.1; done; exec /etc/kafka/docker/run"]
    )
    with container:
        address = kafka.addresses["admin"]
        wait_until(lambda: answers(address), f"Kafka answers at {address}", seconds=120)
        yield kafka


def _settings(kafka: SecuredKafka) -> dict[str, str]:
    ways = {name.upper(): protocol for name, protocol in LISTENERS.items()}
    own = {"LOGIN": _LOGIN, "OPEN": _LOGIN, "TOKEN": _TOKEN, "MUTUAL": {"SSL_CLIENT_AUTH": "required"}}
    return SETTINGS | {
        "KAFKA_LISTENERS": ",".join(["CONTROLLER://:9093", *(f"{way}://:{kafka.ports[way.lower()]}" for way in ways)]),
        "KAFKA_ADVERTISED_LISTENERS": ",".join(f"{way}://{kafka.addresses[way.lower()]}" for way in ways),
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": ",".join(
            ["CONTROLLER:PLAINTEXT", *(f"{way}:{protocol}" for way, protocol in ways.items())]
        ),
        "KAFKA_INTER_BROKER_LISTENER_NAME": "ADMIN",
        "KAFKA_SSL_KEYSTORE_TYPE": "PEM",
        "KAFKA_SSL_KEYSTORE_LOCATION": f"{FOLDER}/server.pem",
        "KAFKA_SSL_TRUSTSTORE_TYPE": "PEM",
        "KAFKA_SSL_TRUSTSTORE_LOCATION": f"{FOLDER}/ca.pem",
        "KAFKA_SSL_PRINCIPAL_MAPPING_RULES": "RULE:^.*CN=([^,]+).*$/$1/",
        "KAFKA_AUTHORIZER_CLASS_NAME": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "KAFKA_SUPER_USERS": "User:ANONYMOUS;User:gateway",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_HEAP_OPTS": f"-Xmx512m -Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://{FOLDER}/keys.json",
        **{
            f"KAFKA_LISTENER_NAME_{way}_{name}": value
            for way, settings in own.items()
            for name, value in settings.items()
        },
    }
