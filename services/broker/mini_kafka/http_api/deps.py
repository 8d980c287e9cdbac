"""FastAPI's way to a `Call`: the dependency that route functions name."""

from typing import Annotated

from fastapi import Depends, Request

from mini_kafka.http_api.call import Call, call_of


def _call(request: Request) -> Call:
    state = request.app.state
    return call_of(state.engine, state.bounds, request.scope, request.receive)


CallDep = Annotated[Call, Depends(_call)]
