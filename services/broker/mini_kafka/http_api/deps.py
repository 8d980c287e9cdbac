"""FastAPI's way to a `Call`: the dependency that route functions name."""

from typing import Annotated

from fastapi import Depends, Request

from mini_kafka.http_api.access import read_head
from mini_kafka.http_api.body import check_media_type
from mini_kafka.http_api.call import Call, call_of


def _call(request: Request) -> Call:
    state = request.app.state
    head = read_head(request.scope["headers"], request.scope["http_version"])
    return call_of(state.engine, state.bounds, head, request.scope, request.receive)


CallDep = Annotated[Call, Depends(_call)]


def _json_alone(request: Request, call: CallDep) -> None:
    head = call.head
    if (head.content_length or b"0") != b"0" or "transfer-encoding" in request.headers:
        check_media_type(head)


JsonBody = Depends(_json_alone)
"""Refuses a body of another media type with 415, before it is found to be no JSON."""
