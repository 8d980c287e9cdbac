"""The errors explained: where the `type` of an error's body leads, as plain text for a browser and for curl."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import PlainTextResponse

from mini_kafka.http_api.documented import problems
from mini_kafka.http_api.error_reference import entry, reference
from mini_kafka.http_api.error_table import KINDS, PATH, PATH_NOT_FOUND
from mini_kafka.http_api.errors import RequestRefused

router = APIRouter(prefix=PATH, tags=["operations"], default_response_class=PlainTextResponse)

Code = Annotated[str, Path(description="the `code` of an error", examples=["UNKNOWN_TOPIC_OR_PARTITION"])]


@router.get("", summary="Explain all errors")
async def show_errors() -> str:
    """Show every kind of error: what it means, what to do, and the settings that govern it."""
    return reference()


@router.get("/{code}", responses=problems(_404="there is no such error"), summary="Explain an error")
async def show_error(code: Code) -> str:
    """Show one kind of error; the `type` of an error's body leads here."""
    if code not in KINDS:
        raise RequestRefused(PATH_NOT_FOUND, f"there is no error {code[:80]!r}: {PATH} lists them")
    return entry(KINDS[code])
