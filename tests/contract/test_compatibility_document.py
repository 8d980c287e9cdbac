"""The documents about Kafka clients say what the code and the tests say."""

import re

from tests.compat.clients import HERE, ROOT, clients
from tests.compat.document import DOCUMENT, written


def test_the_compatibility_document_is_what_make_compat_writes() -> None:
    assert DOCUMENT.read_text() == written(), "run: python -m tests.compat.document"


def test_a_client_that_is_listed_has_its_tests() -> None:
    for client in clients():
        for test in client.tests:
            assert client.name.split()[0] in (ROOT / test).read_text().replace("_", "-"), (client.name, test)


def test_the_findings_name_the_tools_that_the_tests_run() -> None:
    run = set(re.findall(r'"(kafka-[a-z0-9-]+)"', (HERE / "test_jvm_tools.py").read_text()))
    findings = (HERE / "FINDINGS.md").read_text()
    in_the_list = set(re.findall(r"^\| `(kafka-[a-z0-9-]+)` \|", findings, re.MULTILINE))
    assert in_the_list <= run <= set(re.findall(r"`(kafka-[a-z0-9-]+)", findings))
