"""The health check of a container: `python -m mini_kafka_shared.healthcheck URL`.

Exit code 0 if the URL answers 200, otherwise 1 and one sentence on standard error. It runs every few seconds
in an image without curl, so it imports the standard library only and starts fast.
"""

import http.client
import sys
from urllib.parse import urlsplit

TIMEOUT_S = 2.0


def problem(url: str) -> str | None:
    """Ask a URL, and return None if it answers 200, otherwise a sentence that says what it did instead."""
    try:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            return f"{url} is not an http:// URL"
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{url} does not answer: {str(error) or type(error).__name__}"
    return None if status == http.HTTPStatus.OK else f"{url} answers {status}, not 200"


def main(arguments: list[str]) -> int:
    """Check the one URL in the arguments, and return the exit code."""
    if len(arguments) != 1:
        sentence: str | None = "give one URL: python -m mini_kafka_shared.healthcheck http://127.0.0.1:8000/health"
    else:
        sentence = problem(arguments[0])
    if sentence:
        print(sentence, file=sys.stderr)  # noqa: T201
    return 1 if sentence else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
