"""How a worker asks a broker over HTTP: one request, one answer, or `Lost` when nobody knows what became of it.

`Connection` does so over a socket, with the standard library alone, so that a worker's process starts quickly; now and
then it cuts the connection itself, before its request is out or before the answer is in.
"""

from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import NamedTuple, Protocol

CUT = 0.02
"""How many of the connections a worker cuts in the middle of a request."""
SECONDS = 20
"""How long a worker waits for a byte: longer than a broker is paused."""


class Lost(Exception):
    """The connection ended before the answer did."""


class Answer(NamedTuple):
    """What a broker said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Ask(Protocol):
    """Asks a broker."""

    def __call__(self, method: str, path: str, body: bytes = b"", **fields: str) -> Answer:
        """Send a request and take its whole answer; an underscore in a field's name is a hyphen.

        Raises:
            Lost: the connection ended before the answer did.
        """


class Connection:
    """A broker at an address, asked over one connection as long as that holds."""

    def __init__(self, address: str, rng: Random, cut: float = CUT) -> None:
        self._address = address
        self._rng = rng
        self._cut = cut
        self._http: HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes = b"", **fields: str) -> Answer:
        """Send a request and take its whole answer."""
        http = self._http or HTTPConnection(self._address, timeout=SECONDS)
        self._http = None  # kept only if all goes well
        cut = self._rng.random() < self._cut
        try:
            if cut and self._rng.random() < 0.5:
                _send_half(http, method, path, body, _named(fields))
            http.request(method, path, body, _named(fields))
            if cut:
                _give_up()
            response = http.getresponse()
            answer = Answer(
                response.status, {name.lower(): text for name, text in response.getheaders()}, response.read()
            )
        except (OSError, HTTPException) as error:
            http.close()
            raise Lost from error
        except Lost:
            http.close()
            raise
        self._http = http
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        if self._http is not None:
            self._http.close()

    def lines(self, path: str, seconds: float, **fields: str) -> Iterator[bytes]:
        """Read the lines of an answer that goes on, until nothing has come for some time.

        Raises:
            Lost: the connection ended.
        """
        http = HTTPConnection(self._address, timeout=SECONDS)
        try:
            http.request("GET", path, headers=_named(fields))
            response = http.getresponse()
            if response.status != 200:
                raise Lost
            http.sock.settimeout(seconds)
            while line := response.readline():
                yield line.rstrip(b"\n")
        except TimeoutError:
            return
        except (OSError, HTTPException) as error:
            raise Lost from error
        finally:
            http.close()


def _named(fields: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): text for name, text in fields.items()}


def _send_half(http: HTTPConnection, method: str, path: str, body: bytes, fields: Mapping[str, str]) -> None:
    http.putrequest(method, path)
    for name, text in fields.items():
        http.putheader(name, text)
    http.putheader("content-length", str(len(body) + 1))  # the broker waits for the rest
    http.endheaders(body)
    _give_up()


def _give_up() -> None:
    raise Lost
