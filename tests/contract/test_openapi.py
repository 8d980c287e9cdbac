"""The HTTP API against its own OpenAPI document: whatever is sent, no 5xx, and only answers that are documented."""

import asyncio
import json
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from mini_kafka.http_api.gate import Gate
from tests.support.broker import Broker, new_broker, tell

QUICK = 10
"""The examples of the profile `fast`, of which a request through all layers is a slow one."""
ENOUGH = {GenerationMode.POSITIVE: 3000, GenerationMode.NEGATIVE: 2000}
"""The cases that the profile `full` has to come to, 5,000 together: less can be got wrong, and in fewer operations."""
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def gate() -> Gate:
    """Serve one broker to all cases, so that later ones meet the state of earlier ones; no long poll is long."""
    app = asyncio.run(new_broker(max_wait_ms=5)).app
    assert isinstance(app, Gate)
    return app


def test_every_reference_in_the_document_leads_somewhere() -> None:
    async def story(it: Broker) -> None:
        document = (await it.get("/openapi.json")).json()
        for reference in re.findall(r'"\$ref": "([^"]*)"', json.dumps(document)):
            found = document
            for step in reference.removeprefix("#/").split("/"):
                assert step in found, reference
                found = found[step]

    tell(story)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
def test_every_answer_is_documented_and_none_is_a_5xx(gate: Gate, mode: GenerationMode) -> None:
    document = schemathesis.openapi.from_asgi("/openapi.json", gate)
    operations = [result.ok() for result in document.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == sum(map(len, document.raw_schema["paths"].values()))
    checks = [*CHECKS, negative_data_rejection] if mode is GenerationMode.NEGATIVE else CHECKS

    asked = 0
    budget = settings().max_examples  # of the few that a quick check takes, a fifth
    for operation in operations:
        takes_nothing = not operation.body and not any(operation.iter_parameters())
        only_names = not operation.body and not operation.query
        if mode is GenerationMode.NEGATIVE and only_names:
            continue  # there is nothing in these requests to get wrong
        examples = 1 if takes_nothing else budget if budget > QUICK else QUICK // 5

        @settings(suppress_health_check=list(HealthCheck), max_examples=examples)
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            if case.query:
                case.query.pop("follow", None)  # the client waits for the end of an answer, and a stream has none
            case.call_and_validate(checks=checks)

        ask()

    assert asked >= ENOUGH[mode] or budget <= QUICK
