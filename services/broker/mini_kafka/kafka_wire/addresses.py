"""Which address a Kafka client is told: the one that it can reach, as far as the broker can know it.

A client uses its bootstrap address once, and from then on the one in the Metadata answer. Without an advertised
listener that is the address that the client's own connection came to. It is right everywhere but behind a published
port of a container: there the connection seems to go from the container's default gateway to the container's own
address, which few outside can reach. Such a client is told the published address.
"""

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from mini_kafka.listening import Address

ROUTES = Path("/proc/net/route")
_MAPPED_IPV4 = "::ffff:"


def default_gateway(routes: Path = ROUTES) -> str | None:
    """Give the address of this machine's default gateway, as far as Linux says it."""
    try:
        lines = routes.read_text(encoding="ascii").splitlines()[1:]
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        _, destination, gateway, *_ = line.split()
        if destination == "00000000" and gateway != "00000000":
            return socket.inet_ntoa(struct.pack("<I", int(gateway, 16)))
    return None


@dataclass(frozen=True, slots=True)
class Advertiser:
    """Says for each connection of one listener where its client reaches the broker."""

    port: int
    advertised: Address | None
    published: Address
    gateway: str | None

    def address_for(self, peer_host: str, local_host: str) -> Address:
        """Choose the address for a client, by the two ends of its connection."""
        if self.advertised is not None:
            return self.advertised
        if self.gateway is not None and _plain(peer_host) == self.gateway:
            return self.published
        return Address(_plain(local_host), self.port)


def _plain(host: str) -> str:
    """Write an IPv4 address that came over an IPv6 socket as what it is."""
    return host.removeprefix(_MAPPED_IPV4) if "." in host else host
