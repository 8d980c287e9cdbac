"""/docs and /openapi.json: without the internet, and without a script of another origin."""

import asyncio
import re

from tests.support.asgi import Answer
from tests.support.broker import broker


def get(path: str) -> Answer:
    async def run() -> Answer:
        async with broker() as it:
            return await it.get(path)

    return asyncio.run(run())


def test_everything_that_the_page_loads_comes_from_this_broker() -> None:
    page = get("/docs")
    assert page.status == 200
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.body.decode())
    assert len(loaded) == 4
    for path in loaded:
        assert path.startswith("/docs/assets/")
        assert get(path).status == 200
    assert b"<script>" not in page.body


def test_the_page_has_a_strict_content_security_policy() -> None:
    policy = get("/docs").headers["content-security-policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["connect-src"] == "'self'"
    assert "http" not in policy
    assert directives["frame-ancestors"] == "'none'"


def test_only_the_packaged_assets_are_served() -> None:
    for name in ("nothing.js", "__init__.py", "..%2f__init__.py"):
        assert get(f"/docs/assets/{name}").status == 404


def test_the_document_names_every_endpoint_of_the_guide_with_its_models() -> None:
    document = get("/openapi.json").json()
    assert document["paths"].keys() >= {
        "/", "/health", "/livez", "/readyz", "/topics/register", "/producers/register", "/consumers/register",
        "/produce", "/consume", "/stats",
    }  # fmt: skip
    assert {
        "TopicRegistration", "ProducerRegistration", "ConsumerRegistration", "PublishRequest", "ConsumeRequest",
        "Message",
    } <= document["components"]["schemas"].keys()  # fmt: skip
    assert "204" in document["paths"]["/consume"]["post"]["responses"]
