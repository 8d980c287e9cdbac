"""An ASGI client without sockets: one request, one answer."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive

JSON = (("content-type", "application/json"),)


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """Parse the body."""
        return json.loads(self.body)


@dataclass
class Client:
    """Asks one application; `gone` makes it hang up after its body."""

    app: ASGIApp
    address: str = "127.0.0.1"
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    extensions: dict[str, Any] = field(default_factory=dict)

    async def get(self, path: str, headers: Sequence[tuple[str, str]] = ()) -> Answer:
        """Send a GET."""
        return await self.ask("GET", path, headers=headers)

    async def post(self, path: str, body: object, headers: Sequence[tuple[str, str]] = JSON) -> Answer:
        """Send a POST: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.ask("POST", path, [content], headers)

    async def ask(
        self,
        method: str,
        path: str,
        chunks: Sequence[bytes] = (b"",),
        headers: Sequence[tuple[str, str]] = (),
        *,
        more_to_come: bool = False,
        answer: Answer | None = None,
        receive: Receive | None = None,
    ) -> Answer:
        """Send a request, its body in chunks, and take the whole answer; status 0 when there is none.

        An `answer` that is given fills while it comes; `receive` takes the place of the chunks.
        """
        answer = answer or Answer()
        waiting = [
            {"type": "http.request", "body": chunk, "more_body": more_to_come or number < len(chunks)}
            for number, chunk in enumerate(chunks, 1)
        ]

        async def next_chunk() -> Message:
            if waiting:
                return waiting.pop(0)
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        fields = [*headers] if any(name == "host" for name, _ in headers) else [("host", "127.0.0.1:8000"), *headers]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": unquote(path.partition("?")[0]),
            "raw_path": path.partition("?")[0].encode(),
            "query_string": path.partition("?")[2].encode(),
            "root_path": "",
            "scheme": "http",
            "headers": [(name.encode(), value.encode()) for name, value in fields],
            "client": (self.address, 50000),
            "server": ("127.0.0.1", 8000),
            "extensions": self.extensions,
        }
        await self.app(scope, receive or next_chunk, send)
        return answer
