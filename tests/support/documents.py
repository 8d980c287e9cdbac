"""The documents as programs read them: fenced blocks, links and anchors, and whether a command printed what is shown.

It runs nothing and asserts nothing. A block's `output` is the json or text block that follows it directly, or after one
sentence that ends with a colon.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))

LEFT_OUT = "…"
"""Stands for any number of lines where it is alone on one, otherwise for any text within a line."""

_FENCED = re.compile(r"^(?P<indent> *)```(?P<language>.*)\n(?P<text>(?:.*\n)*?)(?P=indent)```$", re.MULTILINE)
_CHANGING = (
    (re.compile(r"\x1b\[[0-9;]*[A-Za-z]"), ""),  # what compose writes to redraw a terminal's line
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\bin \d+\.\d+ ?s\b"), "in SECONDS"),
    (re.compile(r"\bepoch [0-9a-f]{16}\b"), "epoch ID"),
    (re.compile(r"\b127\.0\.0\.1:\d+\b"), "127.0.0.1:PORT"),
    (re.compile(r"\b(producer|consumer)-(?:[0-9a-f]{8}|[0-9a-f]{4})\b(?! +\|)"), r"\1-ID"),
    (re.compile(r'("timestamp": ?)\d+'), r"\g<1>0"),
    (re.compile(r'("next": ?|id: )"?(?:t\.[\w-]+|TOKEN)"?'), r'\1"TOKEN"'),
    (re.compile(r'("lock": ?|"locks": ?\[)"(?:[\w.-]{40,}|LOCK)"'), r'\1"LOCK"'),
    (re.compile(r'("(?:topic|request)_id": ?)"[\w-]+"'), r'\1"ID"'),
    (re.compile(r"^consumer-\d+ +\|", re.MULTILINE), "consumer-N |"),  # which copy gets a message is nobody's to say
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it begins, its language, its text without the document's indentation, its output."""

    document: str
    line: int
    language: str
    text: str
    output: "Block | None" = None

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def text_of(document: str) -> str:
    """Read a document."""
    return (ROOT / document).read_text()


def blocks_of(document: str, language: str | None = None) -> list[Block]:
    """Find a document's fenced blocks, of one language or of all."""
    text = text_of(document)
    found: list[Block] = []
    after: Block | None = None
    after_end = len(text)
    for match in reversed(list(_FENCED.finditer(text))):
        gap = text[match.end() : after_end].strip()
        follows = not gap or (gap.endswith(":") and "\n\n" not in gap and not gap.startswith("#"))
        output = after if after and follows and after.language in {"json", "text"} else None
        line = text.count("\n", 0, match.start()) + 1
        after = Block(document, line, match["language"], _without(match["indent"], match["text"]), output)
        after_end = match.start()
        found.insert(0, after)
    return [block for block in found if language in {None, block.language}]


def _without(indent: str, text: str) -> str:
    return "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))


def prose_of(document: str) -> str:
    """Give a document without its fenced blocks."""
    return _FENCED.sub("", text_of(document))


def links_of(document: str) -> list[str]:
    """Find the targets of a document's links."""
    return re.findall(r"\]\(([^)\s]+)\)", prose_of(document))


def anchors_of(document: str) -> set[str]:
    """Make the anchors of a document's headings as GitHub does."""
    seen: Counter[str] = Counter()
    anchors = set()
    for heading in re.findall(r"^#+ (.+)$", prose_of(document), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def commands_of(block: Block) -> list[str]:
    """List a shell block's lines without their comments."""
    return [line for line in (re.sub(r"\s+# .*", "", line).strip() for line in block.text.splitlines()) if line]


def commands_in_cluster() -> list[str]:
    """List the commands of docs/scaling.md that need the running cluster, and leave it running as it was."""
    lines = [line for block in blocks_of("docs/scaling.md", "sh") for line in commands_of(block)]
    return [
        line for line in lines if re.match(r"docker compose -f docker-compose\.kafka\.yml (exec|stop|start) ", line)
    ]


def is_in_file(snippet: str, file: str) -> bool:
    """Tell whether a snippet, in the runs between its lines `# …`, stands in a file, at whatever indentation."""
    runs = [dedent(run).strip("\n") for run in re.split(rf"^ *# {LEFT_OUT}\n", dedent(snippet), flags=re.MULTILINE)]
    position = 0
    for run in runs:
        lines = (rf"(?P=indent){re.escape(line)}" if line else "" for line in run.splitlines()[1:])
        first = run.splitlines()[0]
        pattern = "\n".join([rf"^(?P<indent> *){re.escape(first)}", *lines])
        match = re.compile(pattern + "$", re.MULTILINE).search(file, position)
        if match is None:
            return False
        position = match.end()
    return True


def apply_diff(diff: str, folder: Path) -> None:
    """Change a file in a folder as a unified diff says.

    Raises:
        ValueError: what a hunk takes away does not stand in the file exactly once.
    """
    name = re.findall(r"^\+\+\+ b/(.+)$", diff, re.MULTILINE)[0]
    text = (folder / name).read_text()
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] or line for line in lines if not line.startswith("+"))
        new = "".join(line[1:] or line for line in lines if not line.startswith("-"))
        if text.count(old) != 1:
            raise ValueError(f"{name} has {text.count(old)} times:\n{old}")
        text = text.replace(old, new)
    (folder / name).write_text(text)


def difference(shown: Block, printed: str) -> str:
    """Say how what was printed is not what a document shows; an empty string where it is.

    Ids that are made up, times and ports count as the same. A text with a line `…` shows some of the lines, and in
    which order two programs print theirs is left open.
    """
    if shown.language == "json":
        return _difference_in_json(_fixed(shown.text), _fixed(printed))
    wanted = [line.rstrip() for line in _fixed(shown.text).strip().splitlines()]
    lines = [line.rstrip() for line in _fixed(printed).strip().splitlines()]
    if LEFT_OUT not in wanted:
        same = len(wanted) == len(lines) and all(map(_is_line, wanted, lines))
        return "" if same else f"{shown} shows\n{shown.text}"
    for line in wanted:
        if line and line != LEFT_OUT:
            fitting = next((index for index, other in enumerate(lines) if _is_line(line, other)), None)
            if fitting is None:
                return f"{shown} shows a line that is not printed, or not as often: {line}"
            del lines[fitting]
    return ""


def _fixed(text: str) -> str:
    for pattern, name in _CHANGING:
        text = pattern.sub(name, text)
    return text


def _is_line(wanted: str, line: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, wanted.split(LEFT_OUT))), line) is not None


def _difference_in_json(shown: str, printed: str) -> str:
    try:
        values = list(_json_values(printed))
    except ValueError:
        return "what is printed is not JSON"
    wanted = list(_json_values(shown))
    return "" if values == wanted else "".join(f"\n{value}" for value in ["shown:", *wanted, "printed:", *values])


def _json_values(text: str) -> Iterator[object]:
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:]
