"""Addresses to listen on, for every listener: read them, take them, or say in a sentence why they cannot be had."""

import os
import re
import socket
from dataclasses import dataclass

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what a listener without a host means in Kafka
BACKLOG = 2048
"""Connections that the kernel holds while the loop is busy; the kernel cuts it to its own limit."""

KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""When a silent connection is asked for the first time, how often then, in seconds, and how often in vain."""


class CannotListen(Exception):
    """The address is taken, not ours or not allowed; the text says which setting to change."""


def bind(host: str, port: int, *, flags: str) -> socket.socket:
    """Take the address; port 0 picks a free one.

    Raises:
        CannotListen: the address cannot be had; the text names `flags` as what to change.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        both = host == "::" and socket.has_dualstack_ipv6()
        listening = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:  # a name that no name server could know is a UnicodeError
        reason = _reason(error)
        raise CannotListen(f"cannot listen on {host}:{port}: {reason}: choose another address with {flags}") from error
    _notice_dead_peers(listening)
    return listening


def _notice_dead_peers(listening: socket.socket) -> None:
    """Let the kernel ask silent peers whether they are there: every accepted connection inherits it.

    A client whose machine is gone says nothing. Most answers that go on find it out by what they write; a stream of
    plain values may have nothing to write for hours, and a Kafka client nothing to ask.
    """
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # macOS and Windows lack some
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "that is no name of a host"
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or str(error)
    return os.strerror(error.errno)  # asyncio and socket add the address, which is said already


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener is."""

    host: str
    port: int

    @classmethod
    def of(cls, listening: socket.socket) -> "Address":
        """Give the address that a socket listens on; the port is the real one."""
        host, port = listening.getsockname()[:2]
        return cls(host, port)

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `HOST:PORT`, with an IPv6 address in brackets."""
        host, _, port = text.rpartition(":")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    @property
    def for_people(self) -> str:
        """Show an address that a browser on this machine can use."""
        return str(self.reachable)

    @property
    def reachable(self) -> "Address":
        """Give an address that this machine can connect to: a listener on all addresses has the loopback's too."""
        return Address("127.0.0.1", self.port) if self.host in {EVERYWHERE, "::"} else self

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_LISTENER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)://([^/]*):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Listener:
    """A named address, as Kafka writes it: `PLAINTEXT://0.0.0.0:9092`."""

    name: str
    address: Address

    @classmethod
    def parse(cls, text: str) -> "Listener":
        """Read a listener.

        Raises:
            ValueError: it is none; the text says how one looks.
        """
        found = _LISTENER.fullmatch(text)
        if found is None or int(found[3]) > 65535:
            raise ValueError(f"has {text!r}, which is no listener: write NAME://HOST:PORT")
        name, host = found[1].upper(), found[2]
        if name in {"SSL", "SASL_SSL", "SASL_PLAINTEXT"}:
            raise ValueError(f"has {text!r}, and there is no TLS or SASL here: use PLAINTEXT")
        return cls(name, Address(host.removeprefix("[").removesuffix("]") or EVERYWHERE, int(found[3])))

    def __str__(self) -> str:
        return f"{self.name}://{self.address}"
