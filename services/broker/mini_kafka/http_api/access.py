"""Who may ask at all: the checks of a request's head that keep a web page from talking to a broker on a laptop.

Two attacks, two rules. DNS rebinding makes a page's own name lead here, so `Host` must be a name that no page can
have (RFC 9110 §7.4). A page may send simple POSTs to any address, so a state-changing request must not come
from another site (`Origin`, RFC 6454; `Sec-Fetch-Site`, Fetch Metadata). There are no CORS headers to relax it.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from mini_kafka.http_api.errors import RequestRefused

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ALWAYS_ALLOWED_HOSTS = frozenset({"localhost", "host.docker.internal"})
REMEMBERED_HOSTS = 1024
"""How many Host values keep their verdict; a client that sends more of them only costs a little time."""


@dataclass(slots=True)
class Head:
    """What the gate needs of a request's header."""

    host: bytes | None = None
    origin: bytes | None = None
    fetch_site: bytes | None = None
    content_type: bytes = b""
    content_length: bytes | None = None


def read_head(headers: Iterable[tuple[bytes, bytes]]) -> Head:
    """Pick the gate's header fields, in one pass.

    Raises:
        RequestRefused: 400 for two Host fields (RFC 9112 §3.2).
    """
    head = Head()
    for name, value in headers:
        if name == b"host":
            if head.host is not None:
                raise RequestRefused(HTTPStatus.BAD_REQUEST, "the request has two Host fields: send one")
            head.host = value
        elif name == b"content-type":
            head.content_type = value
        elif name == b"content-length":
            head.content_length = value
        elif name == b"origin":
            head.origin = value
        elif name == b"sec-fetch-site":
            head.fetch_site = value
    return head


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
                HTTPStatus.MISDIRECTED_REQUEST,
                f"the Host {head.host.decode('latin-1')!r} is none of this broker's:"
                " use an IP address or localhost, or add the name to MINI_KAFKA_ALLOWED_HOSTS",
            )
        if method not in SAFE_METHODS and not _is_same_site(head):
            raise RequestRefused(
                HTTPStatus.FORBIDDEN, "a page of another site may not change this broker's state: use its own pages"
            )

    def _is_ours(self, host: bytes) -> bool:
        verdict = self._verdicts.get(host)
        if verdict is None:
            verdict = self._judge(host.decode("latin-1").lower())
            if len(self._verdicts) < REMEMBERED_HOSTS:
                self._verdicts[host] = verdict
        return verdict

    def _judge(self, host: str) -> bool:
        name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        return bool(name) and (("." not in name and ":" not in name) or name in self._allowed or _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_site(head: Head) -> bool:
    if head.fetch_site is not None and head.fetch_site not in {b"same-origin", b"none"}:
        return False
    return head.origin is None or head.origin.partition(b"://")[2] == head.host
