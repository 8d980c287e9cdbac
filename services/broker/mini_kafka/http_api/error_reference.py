"""The table of errors as text: `docs/errors.md`, and what the broker serves where an error's `type` points."""

from mini_kafka.http_api.error_table import KINDS, PATH, ErrorKind

INTRODUCTION = f"""\
# Errors

<!-- over 400 lines because each error has its entry -->

Every error of the HTTP API has one form, [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457): `detail` says what went
wrong this time and what to do about it, `code` names the kind of error, as Kafka does where it has one, and `type`
leads to the kind's entry. The broker itself serves this page at `{PATH}` and each entry at `{PATH}/CODE`, so a `type`
such as `{PATH}/POLICY_VIOLATION` opens wherever the broker can be reached. An answer with 429 or 503 carries
`Retry-After`.

It is made from the table in `mini_kafka/http_api/error_table.py`; the file `docs/errors.md` is written by
`python tests/unit/mini_kafka/http_api/test_error_reference.py`.
"""


def reference() -> str:
    """Write the whole page, in Markdown."""
    overview = "| status | code | means |\n|---|---|---|\n" + "".join(
        f"| {int(kind.status)} | [{kind.code}](#{kind.code.lower()}) | {kind.title} |\n" for kind in KINDS.values()
    )
    return "\n".join((INTRODUCTION, overview, *map(entry, KINDS.values())))


def entry(kind: ErrorKind) -> str:
    """Write the entry of one kind, in Markdown."""
    lines = [f"## {kind.code}", "", f"{kind.title} ({int(kind.status)}).", "", kind.advice]
    if kind.settings:
        lines += ["", f"Settings: {', '.join(f'`{name}`' for name in kind.settings)}."]
    return "\n".join(lines) + "\n"
