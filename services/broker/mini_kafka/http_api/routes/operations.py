"""For machines that watch the broker, and the welcome: nothing here touches a record."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from mini_kafka.core.errors import BrokerStopping, ClusterUnavailable
from mini_kafka.http_api.deps import CallDep
from mini_kafka.http_api.hot import HotRoute

router = APIRouter(tags=["operations"])


class Welcome(BaseModel):
    """Where to go from the root."""

    message: str


class Health(BaseModel):
    """The broker answers."""

    status: Literal["ok"] = "ok"


@router.get("/", summary="Welcome")
async def welcome(call: CallDep) -> Welcome:  # noqa: ARG001 - a hot route gets the call
    """Point at the documentation."""
    return Welcome(message="Welcome to Mini Kafka! The HTTP API is explained, and can be tried out, at /docs.")


@router.get("/health", summary="Is the broker there?")
async def health(call: CallDep) -> Health:  # noqa: ARG001
    """Answer."""
    return Health()


@router.get("/livez", summary="Does the process live? Restart it if not.")
async def livez(call: CallDep) -> Health:  # noqa: ARG001
    """Answer."""
    return Health()


@router.get("/readyz", summary="May it be sent requests?")
async def readyz(call: CallDep) -> Health:
    """Answer: a broker in RAM is ready as soon as it listens, a gateway while its cluster answers; none that drains."""
    if call.bounds.draining:
        raise BrokerStopping
    if call.engine.trouble:
        raise ClusterUnavailable(call.engine.trouble)
    return Health()


HOT = {
    ("GET", "/health"): HotRoute(health),
    ("GET", "/livez"): HotRoute(livez),
    ("GET", "/readyz"): HotRoute(readyz),
}
