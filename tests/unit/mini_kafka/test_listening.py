"""Where the broker says that it listens, and what it is told."""

import pytest

from mini_kafka.listening import Address, Listener


@pytest.mark.parametrize(
    ("host", "written", "for_people"),
    [
        ("127.0.0.1", "127.0.0.1:80", "127.0.0.1:80"),
        ("::1", "[::1]:80", "[::1]:80"),
        ("0.0.0.0", "0.0.0.0:80", "127.0.0.1:80"),
        ("::", "[::]:80", "127.0.0.1:80"),
    ],
)
def test_an_address_is_written_as_in_a_url_and_people_get_one_that_a_browser_can_use(
    host: str, written: str, for_people: str
) -> None:
    assert str(Address(host, 80)) == written
    assert Address(host, 80).for_people == for_people


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("PLAINTEXT://127.0.0.1:9092", "PLAINTEXT://127.0.0.1:9092"),
        ("plaintext://:9092", "PLAINTEXT://0.0.0.0:9092"),
        ("INTERNAL://[::1]:0", "INTERNAL://[::1]:0"),
    ],
)
def test_a_listener_is_written_as_kafka_writes_it(text: str, written: str) -> None:
    assert str(Listener.parse(text)) == written


@pytest.mark.parametrize("text", ["", "9092", "127.0.0.1:9092", "PLAINTEXT://127.0.0.1", "A://b:70000", "A://b:9/c"])
def test_what_is_no_listener_is_refused_with_how_one_looks(text: str) -> None:
    with pytest.raises(ValueError, match="write NAME://HOST:PORT"):
        Listener.parse(text)


@pytest.mark.parametrize("name", ["SSL", "SASL_SSL", "sasl_plaintext"])
def test_a_listener_with_tls_or_sasl_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="use PLAINTEXT"):
        Listener.parse(f"{name}://:9092")


def test_an_address_is_read_as_it_is_written() -> None:
    for text in ("127.0.0.1:80", "[::1]:80", "kafka.test:9092"):
        assert str(Address.parse(text)) == text
