"""Where the broker says that it listens."""

import pytest

from mini_kafka.listening import Address


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
