"""The containers' health check: 0 for 200, otherwise 1 and one sentence."""

import http.client
import subprocess
import sys

import pytest

from mini_kafka_shared import healthcheck

URL = "http://127.0.0.1:8000/health"


class FakeConnection:
    """Stands for http.client.HTTPConnection: answers one status, or raises."""

    answer: int | Exception = 200
    made: tuple[str, int | None, float] | None = None
    asked: tuple[str, str] | None = None
    is_closed = False

    def __init__(self, host: str, port: int | None, timeout: float) -> None:
        type(self).made = host, port, timeout

    def request(self, method: str, path: str) -> None:
        type(self).asked = method, path

    def getresponse(self) -> "FakeConnection":
        if isinstance(self.answer, Exception):
            raise self.answer
        return self

    @property
    def status(self) -> int | Exception:
        return self.answer

    def close(self) -> None:
        type(self).is_closed = True


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> type[FakeConnection]:
    class Connection(FakeConnection):
        """One test's own."""

    monkeypatch.setattr(http.client, "HTTPConnection", Connection)
    return Connection


def test_200_is_well(connection: type[FakeConnection], capsys: pytest.CaptureFixture[str]) -> None:
    assert healthcheck.main([URL]) == 0
    assert capsys.readouterr() == ("", "")
    assert connection.made == ("127.0.0.1", 8000, 2.0)
    assert connection.asked == ("GET", "/health")
    assert connection.is_closed


@pytest.mark.parametrize(("url", "asked"), [("http://h:1", "/"), ("http://h:1/a/b?c=d", "/a/b?c=d")])
def test_the_whole_url_is_asked(connection: type[FakeConnection], url: str, asked: str) -> None:
    assert healthcheck.main([url]) == 0
    assert connection.asked == ("GET", asked)


@pytest.mark.parametrize("status", [204, 301, 404, 503])
def test_another_status_is_ill(
    connection: type[FakeConnection], capsys: pytest.CaptureFixture[str], status: int
) -> None:
    connection.answer = status

    assert healthcheck.main([URL]) == 1
    assert capsys.readouterr().err == f"{URL} answers {status}, not 200\n"


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError(111, "Connection refused"), TimeoutError("timed out"), http.client.BadStatusLine("x")],
)
def test_no_answer_is_ill_and_said_in_one_sentence(
    connection: type[FakeConnection], capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    connection.answer = error

    assert healthcheck.main([URL]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{URL} does not answer: ")
    assert connection.is_closed


@pytest.mark.parametrize("arguments", [[], [URL, URL], ["ftp://x"], ["nope"], ["http://"], ["http://x:port"]])
def test_what_is_not_one_http_url_is_refused(
    connection: type[FakeConnection], capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert healthcheck.main(arguments) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert connection.made is None


def test_it_imports_the_standard_library_only() -> None:
    code = "import sys, mini_kafka_shared.healthcheck; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"pydantic", "requests", "urllib3", "tenacity"} & set(done.stdout.split())
