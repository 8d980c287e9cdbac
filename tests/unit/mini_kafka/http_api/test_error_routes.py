"""The `type` of an error leads to its entry at this broker, from wherever it was answered."""

from urllib.parse import urljoin

from mini_kafka.http_api.error_reference import reference
from mini_kafka.http_api.error_table import KINDS
from tests.support.broker import Broker, tell


def test_the_type_of_an_error_opens_its_entry() -> None:
    async def story(it: Broker) -> None:
        refused = [
            (await it.get(path), path)
            for path in ("/v1/topics/none", "/v1/topics/none/records?from=soon", "/nowhere", "/errors/NONE")
        ]
        refused += [(await it.post("/produce", {"topic": "none", "value": "v"}), "/produce")]
        for answer, path in refused:
            problem = answer.json()
            opened = await it.get(urljoin(f"http://broker{path}", problem["type"]).removeprefix("http://broker"))
            assert opened.status == 200
            assert opened.headers["content-type"] == "text/plain; charset=utf-8"
            assert opened.body.startswith(f"## {problem['code']}\n".encode())
            assert problem["title"].encode() in opened.body

    tell(story)


def test_every_kind_of_error_is_explained_on_one_page_and_on_its_own() -> None:
    async def story(it: Broker) -> None:
        assert (await it.get("/errors")).body == reference().encode()
        for kind in KINDS.values():
            assert (await it.get(kind.reference)).status == 200

    tell(story)


def test_an_error_that_nobody_knows_is_404_and_says_where_they_are() -> None:
    async def story(it: Broker) -> None:
        answer = await it.get("/errors/NO_SUCH_ERROR")
        assert (answer.status, answer.json()["code"]) == (404, "PATH_NOT_FOUND")
        assert "/errors lists them" in answer.json()["detail"]

    tell(story)
