"""`docs/errors.md` is what the table of errors says, and the broker serves it where an error's `type` points.

`python tests/unit/mini_kafka/http_api/test_error_reference.py` writes it anew.
"""

from pathlib import Path

from mini_kafka.http_api.error_reference import entry, reference
from mini_kafka.http_api.error_table import KINDS

FILE = Path(__file__).parents[4] / "docs" / "errors.md"


def test_the_document_of_errors_is_made_from_the_table() -> None:
    assert FILE.read_text(encoding="utf-8") == reference()


def test_the_document_has_an_entry_for_every_kind() -> None:
    for kind in KINDS.values():
        assert entry(kind) in reference()
        assert all(f"`{name}`" in entry(kind) for name in kind.settings)


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
