"""Who may ask at all: the checks of a request's head that keep a web page from talking to a broker on a laptop.

Two attacks, two rules. DNS rebinding makes a page's own name lead here, so `Host` must be a name that no page can
have (RFC 9110 §7.4). A page may send simple POSTs to any address, so a state-changing request must not come
from another site (`Origin`, RFC 6454; `Sec-Fetch-Site`, Fetch Metadata). There are no CORS headers to relax it.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mini_kafka.http_api.error_table import CROSS_SITE_REQUEST, MALFORMED_REQUEST, MISDIRECTED_REQUEST
from mini_kafka.http_api.errors import RequestRefused

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ALWAYS_ALLOWED_HOSTS = frozenset({"localhost", "host.docker.internal"})
REMEMBERED_HOSTS = 1024
"""How many Host values keep their verdict; a client that sends more of them only costs a little time."""
REMEMBERED_BYTES = 262
"""How long a remembered Host may be: a name has at most 255 bytes (RFC 1035 §2.3.4), a port six with its colon."""

_ENCODINGS = frozenset({b"content-encoding", b"transfer-encoding"})
_CHUNKED = (b"transfer-encoding", b"chunked")
_HOST_FIELD = re.compile(r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>[^\[\]:]+))(?::\d*)?")


@dataclass(slots=True)
class Head:
    """What the gate needs of a request's header."""

    host: bytes | None = None
    origin: bytes | None = None
    fetch_site: bytes | None = None
    content_type: bytes = b""
    content_length: bytes | None = None
    encoding: bytes | None = None
    """What has been done to the body, but for the chunks, which the parser undoes."""


def read_head(headers: Iterable[tuple[bytes, bytes]], http_version: str = "1.1") -> Head:
    """Pick the gate's header fields, in one pass.

    Raises:
        RequestRefused: 400 for two Host fields, or for none in HTTP/1.1 (RFC 9112 §3.2).
    """
    head = Head()
    for name, value in headers:
        if name == b"host":
            if head.host is not None:
                raise RequestRefused(MALFORMED_REQUEST, "the request has two Host fields: send one")
            head.host = value
        elif name == b"content-type":
            head.content_type = value
        elif name == b"content-length":
            head.content_length = value
        elif name in _ENCODINGS and (name, value.lower()) != _CHUNKED:
            head.encoding = _joined(head.encoding, value)
        elif name == b"origin":
            head.origin = _joined(head.origin, value)
        elif name == b"sec-fetch-site":
            head.fetch_site = _joined(head.fetch_site, value)
    if head.host is None and http_version == "1.1":
        raise RequestRefused(MALFORMED_REQUEST, "the request has no Host field: send one")
    return head


def _joined(before: bytes | None, value: bytes) -> bytes:
    """Join the values of a field that was sent twice (RFC 9110 §5.2): together they are nobody's."""
    return value if before is None else before + b", " + value


class AccessPolicy:
    """The two rules, with the names that the broker's owner allows."""

    def __init__(self, allowed_hosts: Iterable[str]) -> None:
        self._allowed = ALWAYS_ALLOWED_HOSTS | {name.lower() for name in allowed_hosts}
        self._verdicts: dict[bytes, bool] = {}

    def check(self, method: str, head: Head) -> None:
        """Let a request through or refuse it.

        Raises:
            RequestRefused: 421 for a foreign Host, 403 for another site's page.
        """
        if head.host is not None and not self._is_ours(head.host):
            raise RequestRefused(
                MISDIRECTED_REQUEST,
                f"the Host {head.host.decode('latin-1')!r} is none of this broker's:"
                " use an IP address or localhost, or add the name to MINI_KAFKA_ALLOWED_HOSTS",
            )
        if method not in SAFE_METHODS and not _is_same_site(head):
            raise RequestRefused(
                CROSS_SITE_REQUEST, "a page of another site may not change this broker's state: use its own pages"
            )

    def _is_ours(self, host: bytes) -> bool:
        verdict = self._verdicts.get(host)
        if verdict is None:
            verdict = self._judge(host.decode("latin-1").lower())
            if len(self._verdicts) < REMEMBERED_HOSTS and len(host) <= REMEMBERED_BYTES:
                self._verdicts[host] = verdict
        return verdict

    def _judge(self, host: str) -> bool:
        field = _HOST_FIELD.fullmatch(host)
        if field is None:
            return False
        name = field["name"]
        return _is_address(field["address"]) if name is None else "." not in name or self._is_known(name)

    def _is_known(self, name: str) -> bool:
        return name in self._allowed or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_site(head: Head) -> bool:
    if head.fetch_site is not None and head.fetch_site not in {b"same-origin", b"none"}:
        return False
    if head.origin is None:
        return True
    return head.host is not None and head.origin.partition(b"://")[2].lower() == head.host.lower()
