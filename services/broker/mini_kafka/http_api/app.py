"""The FastAPI application: the routes, the OpenAPI document and its page, and errors in the one form.

Imported late, on a thread (see `gate`): FastAPI takes most of the start-up time.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mini_kafka.core.errors import BrokerError
from mini_kafka.engine.port import Engine
from mini_kafka.http_api.bounds import Bounds
from mini_kafka.http_api.docs_page import add_docs_page
from mini_kafka.http_api.documented import EVERYWHERE
from mini_kafka.http_api.error_table import INVALID_REQUEST, METHOD_NOT_ALLOWED, PATH_NOT_FOUND
from mini_kafka.http_api.errors import ProblemAnswer, RequestRefused, internal_error, invalid_body, problem, problem_of
from mini_kafka.http_api.hot import HotRoutes
from mini_kafka.http_api.request_id import request_id_of, with_request_id
from mini_kafka.http_api.routes import errors, groups, guide, metrics, operations, produce, read, topics
from mini_kafka.measures import Measures
from mini_kafka_shared import __version__

DESCRIPTION = """The Kafka for a laptop and for CI: topics in RAM, spoken to with JSON.

Register a topic, produce messages to it, register consumers, and let each consume at its own offset."""


def build_app(engine: Engine, bounds: Bounds, measures: Measures) -> tuple[FastAPI, HotRoutes]:
    """Build the application and the table of the routes that the gate calls directly."""
    app = FastAPI(
        title="Mini Kafka",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    attach(app, engine, bounds, measures)
    for routes in (operations, metrics, guide, topics, produce, read, groups, errors):
        app.include_router(routes.router, responses=EVERYWHERE)
    add_docs_page(app)
    app.add_exception_handler(HTTPException, _refused_by_http)
    app.add_exception_handler(RequestValidationError, _refused_by_model)
    for kind in (BrokerError, RequestRefused):
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(Exception, _failed)
    return app, operations.HOT | guide.HOT | produce.HOT | read.HOT | groups.HOT


def attach(app: FastAPI, engine: Engine, bounds: Bounds, measures: Measures) -> None:
    """Tell the application whom its routes ask: it has no other state."""
    app.state.engine = engine
    app.state.bounds = bounds
    app.state.measures = measures
    app.state.one_scrape = asyncio.Lock()


def _refused_by_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for no other
    kind, detail = INVALID_REQUEST, str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        kind, detail = PATH_NOT_FOUND, f"there is nothing at {request.url.path!r}: /docs shows what there is"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        kind = METHOD_NOT_ALLOWED
        detail = f"{request.url.path!r} does not take {request.method}: /docs shows what it takes"
    elif error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's word for bytes that are no text
        detail = "the body is not what this call takes: the body: it is not JSON in UTF-8"
    return _response(request, problem(kind, detail), error.headers)


def _refused_by_model(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for no other
    answer = problem_of(invalid_body(error.errors()))
    assert answer is not None  # noqa: S101 - a RequestRefused always has one
    return _response(request, answer)


def _refused(request: Request, error: Exception) -> Response:
    answer = problem_of(error)
    assert answer is not None  # noqa: S101 - registered for refusals alone
    return _response(request, answer)


def _failed(request: Request, error: Exception) -> Response:
    """Answer a bug; the application raises it again, and the gate logs it."""
    del error
    return _response(request, internal_error())


def _response(request: Request, answer: ProblemAnswer, headers: Mapping[str, str] | None = None) -> Response:
    answer = with_request_id(answer, request_id_of(request.scope))
    fields = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, int(answer.status), {**(headers or {}), **fields})
