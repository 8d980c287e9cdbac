"""An identity provider of one client: OpenID Connect's token endpoint over HTTPS, and the keys that its tokens show."""

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

ISSUER, AUDIENCE = "https://identity.example", "kafka"
TOKEN_S = 6
"""How long a token is good for: librdkafka asks for the next one after four fifths of it (2.16)."""


class TokenEndpoint:
    """Gives tokens to a client that knows its secret, and counts them."""

    def __init__(self, client: str, secret: str) -> None:
        self.url = ""
        self.given = 0
        self.is_away = False
        """Whether it answers 503 for now."""
        self._client = client
        self._login = "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()
        self._key = generate_private_key(public_exponent=65537, key_size=2048)

    def key_set(self) -> str:
        """Give the public key as a JSON Web Key Set, for who checks tokens."""
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}
        return json.dumps({"keys": [key]})

    def answer(self, authorization: str | None) -> tuple[int, dict[str, Any]]:
        """Answer one request: the status and the body."""
        if self.is_away:
            return 503, {"error": "temporarily_unavailable"}
        if authorization != self._login:
            return 401, {"error": "invalid_client"}
        self.given += 1
        return 200, {"access_token": self._token(), "token_type": "Bearer", "expires_in": TOKEN_S}

    def _token(self) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": self._client, "iat": now, "exp": now + TOKEN_S}
        head, body = (_text(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims))
        signature = self._key.sign(f"{head}.{body}".encode(), PKCS1v15(), SHA256())
        return f"{head}.{body}.{_text(signature)}"


@contextmanager
def serving(endpoint: TokenEndpoint, certificate: Path) -> Iterator[None]:
    """Serve tokens on 127.0.0.1; the file holds the server's key and certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, answer = endpoint.answer(self.headers["authorization"])
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        endpoint.url = f"https://127.0.0.1:{server.server_port}/token"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))
