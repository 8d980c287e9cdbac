"""Which address a client is told, by the two ends of its connection."""

from pathlib import Path

import pytest

from mini_kafka.kafka_wire.addresses import Advertiser, default_gateway
from mini_kafka.listening import Address

PUBLISHED = Address("127.0.0.1", 29092)
GATEWAY = "172.17.0.1"
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
"""


def told(peer: str, local: str, *, advertised: Address | None = None, gateway: str | None = GATEWAY) -> str:
    return str(Advertiser(9092, advertised, PUBLISHED, gateway).address_for(peer, local))


@pytest.mark.parametrize(
    ("peer", "local", "expected"),
    [
        ("172.17.0.5", "172.17.0.2", "172.17.0.2:9092"),  # another container: the address that it used
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:9092"),
        (GATEWAY, "172.17.0.2", "127.0.0.1:29092"),  # through the published port
        (f"::ffff:{GATEWAY}", "::ffff:172.17.0.2", "127.0.0.1:29092"),
        ("::ffff:10.0.0.9", "::ffff:10.0.0.2", "10.0.0.2:9092"),  # IPv4 over a socket of both kinds
        ("::1", "::1", "[::1]:9092"),
    ],
)
def test_a_client_is_told_the_address_that_it_used_or_the_published_one(peer: str, local: str, expected: str) -> None:
    assert told(peer, local) == expected


def test_an_advertised_address_is_told_to_everybody() -> None:
    assert told(GATEWAY, "172.17.0.2", advertised=Address("kafka.test", 7)) == "kafka.test:7"


def test_without_a_gateway_nobody_came_through_one() -> None:
    assert told(GATEWAY, "172.17.0.2", gateway=None) == "172.17.0.2:9092"


def test_the_default_gateway_is_read_from_linux_s_routes(tmp_path: Path) -> None:
    routes = tmp_path / "route"
    routes.write_text(ROUTES)
    assert default_gateway(routes) == GATEWAY
    routes.write_text("".join(ROUTES.splitlines(keepends=True)[:2]))
    assert default_gateway(routes) is None
    assert default_gateway(tmp_path / "none") is None
