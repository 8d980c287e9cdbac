"""A broker for tests of the client: one prepared answer, and the last request."""

import json
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter

from mini_kafka_shared.client import BrokerClient

URL = "http://broker:8000"


class FakeBroker(BaseAdapter):
    """Answers every request with one prepared answer, or raises it, and remembers the last request."""

    def __init__(self, status: int = 200, body: object = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.status, self.headers = status, dict(headers or {})
        self.content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.error: Exception | None = None
        self.request = requests.PreparedRequest()
        self.options: dict[str, Any] = {}

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        self.request, self.options = request, options
        if self.error:
            raise self.error
        response = requests.Response()
        response.status_code, response.reason = self.status, "Reason"
        response.headers.update(self.headers)
        response._content = self.content
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        pass

    @property
    def sent(self) -> object:
        return json.loads(self.request.body or b"null")


def client_of(broker: FakeBroker) -> BrokerClient:
    session = requests.Session()
    session.mount("http://", broker)
    return BrokerClient(f"{URL}/", session=session)
