"""The house's rules for its own files, as far as a machine can check them."""

import ast
import contextlib
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 400
# Written by a tool, or by somebody else word for word: nobody reads them from top to bottom.
NOT_OURS_TO_SPLIT = re.compile(r"(.*/)?requirements[^/]*\.txt|LICENSE")
REASON = "over 400 lines because"

# Where people and build machines keep their files; each is a name below the root of the file system. (Kafka's image has
# a volume below one of them.)
HOMES = ("work", "root", "home", "Users", "builds", "workspace", "github/workspace", "mnt")
MACHINE_PATH = re.compile(rf"(?<![\w.~$}})>-])/(?:{'|'.join(HOMES)})(?![\w.-]|/shared/config)")
# A place to fetch packages or images from that is not everybody's.
PRIVATE_SOURCE = re.compile(
    r"(?:index-url|index_url|find-links|find_links|trusted-host|registry-mirrors?)[\"']?[ =:]+[\"'\[]*(?:\w+[./:]|/)"
    r"|https?://[\w.-]*(?:artifactory|nexus|mirror|pypi\.(?!org)|\.internal|\.corp|\.lan)\b",
    re.IGNORECASE,
)


@cache
def tracked() -> tuple[Path, ...]:
    """List what git tracks, and what it would track: all that is not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return tuple(sorted({path for name in listed.split("\0") if name and (path := ROOT / name).is_file()}))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """Give every tracked file that is text, with its name."""
    found = []
    for path in tracked():
        with contextlib.suppress(UnicodeDecodeError):
            found.append((name_of(path), path.read_text(encoding="utf-8")))
    return tuple(found)


def modules(*folders: str) -> Iterator[tuple[str, str]]:
    return ((name, text) for name, text in texts() if name.endswith(".py") and name.startswith(folders))


def test_there_are_files_to_check() -> None:
    assert {"pyproject.toml", name_of(Path(__file__))} <= {name for name, _ in texts()}
    assert len(list(modules("services/", "shared/"))) > 10


def test_a_long_file_says_at_its_top_why_it_is_long() -> None:
    long = [
        f"{name}: {text.count(chr(10))} lines; split it by fact, or say in its first lines that it has {REASON} …"
        for name, text in texts()
        if text.count("\n") > MAX_LINES
        and not NOT_OURS_TO_SPLIT.fullmatch(name)
        and REASON not in "\n".join(text.splitlines()[:15])
    ]
    assert not long


def test_every_module_of_the_product_says_what_it_is_for() -> None:
    silent = [name for name, text in modules("services/", "shared/") if not ast.get_docstring(ast.parse(text, name))]
    assert not silent


def test_no_class_is_named_after_nothing() -> None:
    vague = [
        f"{name}: {match[1]}"
        for name, text in modules("")
        for match in re.finditer(r"^\s*class (\w*(?:Manager|Utils?|Helper|Service))\b", text, re.MULTILINE)
    ]
    assert not vague


@pytest.mark.parametrize("pattern", [MACHINE_PATH, PRIVATE_SOURCE], ids=["paths", "sources"])
def test_no_file_knows_the_machine_that_it_was_written_on(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for name, text in texts()
        for match in pattern.finditer(text)
    ]
    assert not found


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        *[(MACHINE_PATH, f'cd "{"/"}{home}/project"') for home in HOMES],
        (MACHINE_PATH, "/".join(["see ", "work", "main"])),
        (PRIVATE_SOURCE, "--index-" + "url https://packages.example.org/simple"),
        (PRIVATE_SOURCE, "--find-" + "links " + "/wheels"),
        (PRIVATE_SOURCE, "https://" + "artifactory.example.org/api"),
        (PRIVATE_SOURCE, "http://pypi." + "example.org/simple"),
    ],
)
def test_the_patterns_find_what_they_look_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def group(name: str) -> set[str]:
    groups = project()["dependency-groups"]
    assert isinstance(groups, dict)
    return set(groups[name])


def test_the_wheel_needs_what_the_broker_and_the_services_need() -> None:
    metadata = project()["project"]
    assert isinstance(metadata, dict)
    assert metadata["dependencies"] == sorted(set(metadata["dependencies"]))
    assert set(metadata["dependencies"]) == group("broker") | group("service")


PIN = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)(?: ; (.*?))?(?: \\)?$")
SERVICES = ("broker", "producer", "consumer")
LOCKS = ("requirements.txt", *(f"services/{service}/requirements.txt" for service in SERVICES))


def pins(lock: str) -> dict[str, set[str]]:
    """Read which versions a lock names for each project, and check that it names nothing else."""
    found: dict[str, set[str]] = {}
    hashed = True
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        if pin := PIN.match(line):
            assert hashed, f"{lock}: what stands before {line} has no hash"
            found.setdefault(pin[1].lower(), set()).add(pin[2])
            hashed = False
        else:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?|#.*|", line), f"{lock}: {line}"
            hashed = hashed or "--hash" in line
    assert hashed
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_lock_pins_the_versions_that_were_tested(lock: str) -> None:
    tested = pins("requirements-dev.txt")
    assert {name: versions for name, versions in pins(lock).items() if versions != tested.get(name)} == {}


@pytest.mark.parametrize(
    ("lock", "needs"),
    [(f"services/{service}/requirements.txt", "broker" if service == "broker" else "service") for service in SERVICES],
)
def test_every_image_installs_what_its_service_needs(lock: str, needs: str) -> None:
    needed = {re.split(r"[\[<>=; ]", requirement, maxsplit=1)[0] for requirement in group(needs)}
    assert needed <= pins(lock).keys()
