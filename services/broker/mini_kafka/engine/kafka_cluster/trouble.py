"""Why the cluster cannot be reached, in words that say what to do.

librdkafka tells what happened to a connection, in its own terms and OpenSSL's; the settings that may be wrong have our
names. Knows texts and nothing else.
"""

import re

LOGGED_IN_BY = (
    "the cluster does not let MINI_KAFKA_SASL_USERNAME in: give it this password there, or set the one that it has and"
    " start the gateway again"
)
OTHER_LISTENER = (
    "MINI_KAFKA_SECURITY_PROTOCOL and MINI_KAFKA_SASL_MECHANISM have to be those of the listener at this address"
)
ADVICE: tuple[tuple[str, str], ...] = (
    ("Failed to resolve", "MINI_KAFKA_BOOTSTRAP_SERVERS and the cluster's advertised listeners have to name hosts that"
     " this machine knows"),
    ("certificate verify failed",
     "either no authority of MINI_KAFKA_SSL_CA_FILE (unset: of the system) vouches for the cluster's certificate, or it"
     " is not for the host that MINI_KAFKA_BOOTSTRAP_SERVERS or the cluster's advertised listener names"),
    ("connecting to a PLAINTEXT broker listener", OTHER_LISTENER),
    ("OAUTHBEARER mechanism handshake failed: Broker: Request not valid in current SASL state",
     "its token has run out, and MINI_KAFKA_SASL_TOKEN_URL gives no other; or, if it was never let in,"
     f" {OTHER_LISTENER}"),
    ("mechanism handshake failed", OTHER_LISTENER),
    ("SSL connection closed by peer", f"if it always does, {OTHER_LISTENER}"),
    ("alert certificate expired", "the certificate in MINI_KAFKA_SSL_CERTIFICATE_FILE is too old: put a new one there"
     " and start the gateway again"),
    ("alert bad certificate",
     "the cluster wants a certificate that it trusts: set MINI_KAFKA_SSL_CERTIFICATE_FILE and MINI_KAFKA_SSL_KEY_FILE"),
    ("alert certificate required",
     "the cluster wants a certificate: set MINI_KAFKA_SSL_CERTIFICATE_FILE and MINI_KAFKA_SSL_KEY_FILE"),
    ("OAUTHBEARER token",
     "see that MINI_KAFKA_SASL_TOKEN_URL answers, and takes MINI_KAFKA_SASL_USERNAME and its secret"),
    ("invalid_token", "the cluster does not take the tokens of MINI_KAFKA_SASL_TOKEN_URL: their issuer, audience or"
     " time is not what it expects"),
    ("SASL authentication error", LOGGED_IN_BY),
)  # fmt: skip
"""What to do, by a part of what librdkafka says; the first one that fits."""
NEVER_ANSWERED = (
    "if something listens there, it may want TLS or a login: see MINI_KAFKA_SECURITY_PROTOCOL and"
    " MINI_KAFKA_BOOTSTRAP_SERVERS"
)
"""librdkafka says nothing of connections that are closed without a word, as a listener does that expects TLS (2.16)."""

_ALWAYS_OTHERS = re.compile(r" \(after \d*ms in state [^)]*\)|\[mini-kafka-gateway[^]]*\] ")
_CHANGING = re.compile(
    r"\d+(?=ms\b)|(?<=timeout #)\d+|\d+(?= (?:in-flight|retry-queued|out-queue|partially-sent))"
    r"|, \d+ identical error\(s\) suppressed"
)
"""What differs between two of librdkafka's lines that say the same: how long it waited, and for how many requests."""


def explained(text: str) -> str:
    """Say what happened, and what to do where it is known."""
    what = plain(text)
    advice = next((advice for part, advice in ADVICE if part in text), None)
    return what if advice is None else f"{what}; {advice}"


def plain(text: str) -> str:
    """Leave out what differs from one try to connect to the next: how long it took, and which client it was."""
    return _ALWAYS_OTHERS.sub("", text)


def recurring(text: str) -> str:
    """Leave out all that differs between two lines that say the same."""
    return plain(_CHANGING.sub("", text))
