"""Which of the forms that can be had a client likes best (RFC 9110 §12.5.1)."""

from collections.abc import Sequence

from mini_kafka.http_api.error_table import NOT_ACCEPTABLE
from mini_kafka.http_api.errors import RequestRefused

MAX_ACCEPTED = 50
"""How many media types of one field are looked at."""


def accepted(field: str | None, offers: Sequence[str]) -> str:
    """Choose among the offers, the first where the client does not care.

    Raises:
        RequestRefused: 406, it accepts none of them.
    """
    if not field:
        return offers[0]
    ranges = [_range(part) for part in field.split(",")[:MAX_ACCEPTED]]
    best = max(offers, key=lambda offer: _quality(offer, ranges))
    if _quality(best, ranges)[0] <= 0:
        raise RequestRefused(NOT_ACCEPTABLE, f"this can be had as {', '.join(offers)}: accept one of them")
    return best


def _range(part: str) -> tuple[str, float]:
    media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return media_type, min(max(float(value), 0.0), 1.0)
            except ValueError:
                return media_type, 0.0
    return media_type, 1.0


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Give the quality of the range that names an offer most exactly, and how exactly that is."""
    kind = offer.partition("/")[0]
    by_exactness = {offer: 3, f"{kind}/*": 2, "*/*": 1}
    named = [(by_exactness[media_type], quality) for media_type, quality in ranges if media_type in by_exactness]
    exactness, quality = max(named, default=(0, 0.0))
    return quality, exactness
