"""FastAPI's way to a `Call`: the dependency that route functions name."""

from typing import Annotated

from fastapi import Depends, Request

from mini_kafka.http_api.call import Call, call_of


def _call(request: Request) -> Call:
    return call_of(request.app.state.engine, request.scope, request.receive)


CallDep = Annotated[Call, Depends(_call)]
