"""An address to listen on, for every listener: take it, or say in a sentence why it cannot be had."""

import socket
from dataclasses import dataclass

BACKLOG = 2048
"""Connections that the kernel holds while the loop is busy; the kernel cuts it to its own limit."""


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
        return socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:  # a name that no name server could know is a UnicodeError
        reason = error.strerror if isinstance(error, OSError) else "that is no name of a host"
        raise CannotListen(
            f"cannot listen on {host}:{port}: {reason or error}: choose another address with {flags}"
        ) from error


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
        """Show an address that a browser on this machine can use: a listener on all addresses has this one too."""
        return str(Address("127.0.0.1", self.port)) if self.host in {"0.0.0.0", "::"} else str(self)  # noqa: S104

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
