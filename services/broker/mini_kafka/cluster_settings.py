"""The settings of a gateway: which engine answers, and how it reaches and trusts a real Kafka cluster.

What contradicts itself is refused at the start, in a sentence. A secret is a `SecretStr`, or better a file's: neither
is ever logged or shown.
"""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr, TypeAdapter, model_validator

from mini_kafka_shared.settings import HostAndPort, Settings

_ADDRESS = TypeAdapter(HostAndPort)


def _addresses(value: object) -> object:
    """Read `HOST:PORT,…`; a wrong one is named by itself."""
    if not isinstance(value, str):
        return value
    return tuple(_ADDRESS.validate_python(part.strip()) for part in value.split(",") if part.strip())


def _nothing(value: object) -> object:
    return None if value == "" else value


BootstrapServers = Annotated[tuple[HostAndPort, ...], BeforeValidator(_addresses)]
OptionalPath = Annotated[Path | None, BeforeValidator(_nothing)]
Mechanism = Annotated[
    Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None, BeforeValidator(_nothing)
]


def _token_url(value: str) -> str:
    """Take an address without a secret in it: addresses are logged."""
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc):
        raise ValueError(
            "is not the address of a token endpoint: write https://HOST/PATH, and no user or password in it"
        )
    return value


TokenUrl = Annotated[str, AfterValidator(_token_url)]


class CannotUseCluster(Exception):
    """A setting for the cluster names something that cannot be used, such as a file that is not there."""


class ClusterSettings(Settings):
    """Where the log is: in this process's memory, or in a Kafka cluster."""

    engine: Literal["memory", "kafka"] = Field(
        default="memory",
        title="ENGINE",
        description="Where topics live: memory keeps them in RAM; kafka makes the broker a gateway to the cluster at "
        "bootstrap_servers, without a port for Kafka clients, who connect to the cluster itself.",
    )
    bootstrap_servers: BootstrapServers = Field(
        default=(),
        title="HOST:PORT,…",
        description="Some nodes of the Kafka cluster; it names the others itself. Only with engine=kafka.",
    )
    cluster_timeout: Annotated[float, Field(ge=1, le=3600)] = Field(
        default=15,
        title="SECONDS",
        description="How long a call may wait for the cluster, in seconds, beside its own wait_ms and however much it "
        "needs there; then it is 503. A node that fails is replaced within some ten seconds.",
    )
    cluster_queue_bytes: Annotated[ByteSize, Field(ge=1024 * 1024, le=2**40)] = Field(
        default=ByteSize(64 * 1024 * 1024),
        title="SIZE",
        description="What records that wait to be taken by the cluster may hold, in bytes or as 64MiB; over it a "
        "produce is refused with 429.",
    )
    cluster_readers: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=8,
        description="How many consumers read from the cluster for all callers: each costs a few threads and up to "
        "8 MiB. Calls that wait for new records need none.",
    )
    gateway_name: Annotated[str, Field(pattern=r"^([A-Za-z0-9._-]{1,63})?$")] = Field(
        default="",
        title="NAME",
        description="The name of this gateway, which no other one of the cluster has at the same time: the locks of "
        "acquired records say by it where they are held. Empty takes the host's name.",
    )
    cluster_shared_groups: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=100,
        title="GROUPS",
        description="Groups that a gateway shares records of at the same time: each costs some ten threads and up to "
        "25 MiB.",
    )
    cluster_share_idle: Annotated[float, Field(ge=1, le=3600)] = Field(
        default=10,
        title="SECONDS",
        description="How long nobody asks for a topic's records in a group before the gateway gives its partitions "
        "to the other gateways, in seconds.",
    )
    drain_time: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=0,
        title="SECONDS",
        description="How long a broker that is told to stop goes on answering, in seconds, while /readyz is 503, so "
        "that a load balancer takes it out first. A second signal ends it at once.",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        title="PROTOCOL",
        description="How the cluster is spoken to: PLAINTEXT, SSL (TLS), SASL_PLAINTEXT or SASL_SSL.",
    )
    ssl_ca_file: OptionalPath = Field(
        default=None, title="PATH", description="The PEM file of who vouches for the cluster; unset: the system's."
    )
    ssl_certificate_file: OptionalPath = Field(
        default=None, title="PATH", description="The PEM file of the certificate that the broker shows the cluster."
    )
    ssl_key_file: OptionalPath = Field(
        default=None, title="PATH", description="The PEM file of that certificate's private key."
    )
    ssl_key_password: SecretStr = Field(
        default=SecretStr(""), description="The password of that key, where it has one; a file is safer than a flag."
    )
    ssl_key_password_file: OptionalPath = Field(
        default=None, title="PATH", description="A file that holds the key's password and nothing else."
    )
    sasl_mechanism: Mechanism = Field(
        default=None,
        title="MECHANISM",
        description="How the broker logs in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, or OAUTHBEARER.",
    )
    sasl_username: str = Field(default="", description="The user, or for OAUTHBEARER the client's id.")
    sasl_password: SecretStr = Field(
        default=SecretStr(""),
        description="The user's password, or for OAUTHBEARER the client's secret. A file is safer than a flag, which "
        "every user of the machine can read.",
    )
    sasl_password_file: OptionalPath = Field(
        default=None, title="PATH", description="A file that holds the password and nothing else."
    )
    sasl_token_url: TokenUrl = Field(
        default="", title="URL", description="Where OAUTHBEARER gets its tokens (OpenID Connect's token endpoint)."
    )
    sasl_token_scope: str = Field(
        default="",
        title="SCOPE",
        description="What OAUTHBEARER's tokens are asked to be for, where that has to be said.",
    )
    sasl_token_ca_file: OptionalPath = Field(
        default=None,
        title="PATH",
        description="The PEM file of who vouches for an https:// token endpoint; unset: the system's.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse settings that contradict each other."""
        for is_wrong, sentence in _contradictions(self):
            if is_wrong:
                raise ValueError(sentence)
        return self


def _contradictions(settings: ClusterSettings) -> tuple[tuple[bool, str], ...]:
    protocol, mechanism = settings.security_protocol, settings.sasl_mechanism
    is_gateway, has_sasl, has_tls = settings.engine == "kafka", "SASL" in protocol, "SSL" in protocol
    files = settings.ssl_ca_file or settings.ssl_certificate_file or settings.ssl_key_file
    has_password = bool(settings.sasl_password.get_secret_value())
    has_key_password = bool(settings.ssl_key_password.get_secret_value())
    has_login = bool(mechanism or settings.sasl_username or has_password or settings.sasl_password_file)
    return (
        (is_gateway and not settings.bootstrap_servers,
         "engine=kafka needs the cluster's address: set MINI_KAFKA_BOOTSTRAP_SERVERS (HOST:PORT,…)"),
        (not is_gateway and bool(settings.bootstrap_servers),
         "bootstrap_servers name a Kafka cluster, and engine=memory asks none: set MINI_KAFKA_ENGINE=kafka"),
        (has_sasl and mechanism is None,
         f"security_protocol={protocol} needs a way to log in: set MINI_KAFKA_SASL_MECHANISM"),
        (has_login and not has_sasl,
         f"security_protocol={protocol} does not log in: set MINI_KAFKA_SECURITY_PROTOCOL to SASL_SSL or"
         " SASL_PLAINTEXT, or leave the sasl settings out"),
        (bool(files) and not has_tls,
         f"security_protocol={protocol} uses no TLS: set MINI_KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL, or leave the"
         " ssl settings out"),
        ((settings.ssl_certificate_file is None) != (settings.ssl_key_file is None),
         "a certificate and its key belong together: set both MINI_KAFKA_SSL_CERTIFICATE_FILE and"
         " MINI_KAFKA_SSL_KEY_FILE"),
        (settings.ssl_key_file is None and (has_key_password or settings.ssl_key_password_file is not None),
         "the password of a key needs the key: set MINI_KAFKA_SSL_KEY_FILE, or leave the password out"),
        (has_key_password and settings.ssl_key_password_file is not None,
         "the key's password is given twice: leave MINI_KAFKA_SSL_KEY_PASSWORD or the one with _FILE out"),
        (has_password and settings.sasl_password_file is not None,
         "the password is given twice: leave MINI_KAFKA_SASL_PASSWORD or MINI_KAFKA_SASL_PASSWORD_FILE out"),
        (mechanism is not None and not (settings.sasl_username and (has_password or settings.sasl_password_file)),
         f"sasl_mechanism={mechanism} needs MINI_KAFKA_SASL_USERNAME, and MINI_KAFKA_SASL_PASSWORD_FILE or"
         " MINI_KAFKA_SASL_PASSWORD"),
        ((mechanism == "OAUTHBEARER") != bool(settings.sasl_token_url),
         "OAUTHBEARER and MINI_KAFKA_SASL_TOKEN_URL belong together: set both or neither"),
        (not settings.sasl_token_url and bool(settings.sasl_token_scope or settings.sasl_token_ca_file),
         "sasl_token_scope and sasl_token_ca_file are for OAUTHBEARER: set MINI_KAFKA_SASL_TOKEN_URL too, or neither"),
    )  # fmt: skip
