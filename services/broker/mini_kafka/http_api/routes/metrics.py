"""For Prometheus: the broker in numbers. One scrape at a time, and its text is made on a thread."""

import asyncio

from fastapi import APIRouter, Request, Response

from mini_kafka.http_api.deps import CallDep
from mini_kafka.http_api.metrics_snapshot import Snapshot, take

TEXT, OPENMETRICS = "text/plain", "application/openmetrics-text"

router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {
        "description": "the metrics, in Prometheus' text format or as OpenMetrics",
        "content": {media_type: {"schema": {"type": "string"}} for media_type in (TEXT, OPENMETRICS)},
    }},
)  # fmt: skip
async def metrics(request: Request, call: CallDep) -> Response:
    """Show topics, groups, requests and the broker itself in numbers."""
    state = request.app.state
    async with state.one_scrape:
        snapshot = await take(call.engine, call.caller, call.bounds, state.measures)
        accept, encoding = (", ".join(request.headers.getlist(name)) for name in ("accept", "accept-encoding"))
        content, fields = await asyncio.to_thread(_expose, snapshot, accept, encoding)
    return Response(content, headers=fields)


def _expose(snapshot: Snapshot, accept: str, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    from mini_kafka.http_api.exposition import expose  # 30 ms and 3 MB, for those who scrape

    return expose(snapshot, accept, accept_encoding)
