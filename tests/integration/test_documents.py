"""The documents are true: every command that they show runs, every snippet and every name exists.

Each document is one session: its shell blocks run in their order with `bash -eu`, in a copy of the tree, against one
broker of its own, whose port takes the place of the documented one. A `diff` is applied to the copy in its turn.
"""

import ast
import asyncio
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mini_kafka_shared import __version__
from tests.integration.conftest import MakeStack
from tests.integration.deadlines import wait_until
from tests.integration.programs import Program
from tests.support.broker import new_broker
from tests.support.documents import (
    DOCUMENTS,
    LEFT_OUT,
    ROOT,
    Block,
    anchors_of,
    apply_diff,
    blocks_of,
    commands_in_cluster,
    commands_of,
    difference,
    is_in_file,
    links_of,
    prose_of,
    text_of,
)

ADDRESS = "127.0.0.1:8000"
OTHER_ADDRESS = "127.0.0.1:8001"
"""A second broker, for a document that copies to one."""
CLUSTER = "tests/integration/test_cluster.py"
LANGUAGES = {"sh", "json", "text", "python", "diff"}
PACKAGE_ROOTS = [ROOT / name for name in ("services/broker", "services/producer", "services/consumer", "shared", ".")]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Why a command does not run here, and the test that runs it, if one does."""

    reason: str
    test: str | None = None


NOT_RUN_HERE = {
    "make test": Elsewhere("runs this test"),
    "make check": Elsewhere("is what `make test` begins with, before this test"),
    "make setup": Elsewhere("downloads; this test runs in the environment that it made"),
    "make bench": Elsewhere("takes minutes, and its figures are for people"),
    "pip install .": Elsewhere(
        "would replace the packages under test",
        "tests/integration/test_packaging.py::test_an_installed_command_explains_itself",
    ),
    "docker compose --profile observability up --detach": Elsewhere(
        "needs images of Prometheus and Grafana, which cannot be pulled everywhere; what they are given is checked by",
        "tests/contract/test_observability_files.py::"
        "test_a_query_is_promql_about_metrics_and_labels_that_the_broker_has",
    ),
    **dict.fromkeys(
        (
            "echo 'two teas' | kcat -b 127.0.0.1:9092 -P -t orders",
            "kcat -b 127.0.0.1:9092 -X auto.offset.reset=earliest -c 1 -G kitchen orders",
        ),
        Elsewhere(
            "needs kcat, which only CI must have",
            "tests/compat/test_other_languages.py::test_what_a_client_produces_is_read_over_http_and_in_a_group",
        ),
    ),
    "docker run --rm --network host apache/kafka:4.3.1 /opt/kafka/bin/kafka-topics.sh "
    "--bootstrap-server 127.0.0.1:9092 --list": Elsewhere(
        "needs the host's network, which Docker on a Mac has not",
        "tests/compat/test_jvm_tools.py::test_topics_are_created_described_grown_listed_and_deleted",
    ),
    "docker compose --profile observability down": Elsewhere("ends what the command above would have started"),
    **dict.fromkeys(
        ("make cluster", "make cluster-down", "docker compose -f docker-compose.kafka.yml down --volumes"),
        Elsewhere("starts three Kafka nodes, or ends them", f"{CLUSTER}::cluster"),
    ),
    **dict.fromkeys(
        commands_in_cluster(),
        Elsewhere("needs the running cluster", f"{CLUSTER}::test_the_commands_of_its_document_work"),
    ),
    "docker compose -f docker-compose.kafka.yml up --detach --scale broker=3 --scale consumer=4": Elsewhere(
        "is more than two cores bear", f"{CLUSTER}::cluster"
    ),
    "MINI_KAFKA_ENGINE=kafka MINI_KAFKA_BOOTSTRAP_SERVERS=kafka-1.example.net:9092,kafka-2.example.net:9092 "
    "mini-kafka": Elsewhere("names nodes that nobody has", f"{CLUSTER}::cluster"),
    **dict.fromkeys(
        (f"kubectl apply -k deploy/kubernetes/{name}" for name in ("memory", "gateway")),
        Elsewhere(
            "needs a Kubernetes cluster", "tests/integration/test_kubernetes.py::test_kubernetes_takes_every_manifest"
        ),
    ),
}
UNTIL_CTRL_C: dict[str, int | None] = {
    "mini-kafka": 0,
    ".venv/bin/mini-kafka": 0,
    "MINI_KAFKA_LOG_FORMAT=json mini-kafka": 0,
    # None: compose has its own ideas of an exit code after Ctrl-C, and version 2.26 may even panic.
    "docker compose up": None,
    "docker compose up --scale consumer=3": None,
    "CONSUMER_GROUP= docker compose up --scale consumer=3": None,
}
"""Commands that end when they are told to: they run until they have printed what is shown, then get SIGINT."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the tree without what git ignores, with this environment as its `.venv`, up to date as make sees it."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]
    shutil.copytree(ROOT, tmp_path / "copy", ignore=shutil.ignore_patterns(".git", *ignored))
    venv = tmp_path / "copy" / ".venv"
    venv.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.suffix != ".stamp":
            (venv / entry.name).symlink_to(entry)
    (venv / "run.stamp").touch()
    (venv / "dev.stamp").touch()
    return tmp_path / "copy"


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Make the environment of a reader who sits in a copy of the tree, with a curl that shows no progress."""
    (folder / ".curlrc").write_text("silent\nshow-error\n")
    return {
        **os.environ,
        "PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(folder / root.relative_to(ROOT)) for root in PACKAGE_ROOTS),
        "CURL_HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        **settings,
    }


def run(block: Block, script: str, folder: Path, env: dict[str, str]) -> None:
    """Run a block's commands and compare what they print, on both streams, with what is shown."""
    command = f"exec 2>&1; cd {shlex.quote(str(folder))}\n{script}"
    last = commands_of(block)[-1]
    with Program("bash", "-euc", command, env=env) as program:
        if last in UNTIL_CTRL_C:
            shown = block.output
            assert shown is not None, f"{block}: a command that does not end needs an output to wait for"
            wait_until(lambda: not difference(shown, "\n".join(program.out)), f"{block} prints {shown}", seconds=60)
            program.signal_group(signal.SIGINT)
            code = program.end()
            assert UNTIL_CTRL_C[last] in {None, code}, f"{block} ended with {code} after Ctrl-C"
            return
        code = program.end(seconds=90)
        assert code == 0, f"{block} ended with {code}"
        if block.output is not None:
            found = difference(block.output, "\n".join(program.out))
            assert not found, f"{block}: {found}"


def script_of(block: Block) -> str:
    """Give a block's text without the commands that do not run here."""
    lines = block.text.splitlines(keepends=True)
    return "".join(line for line in lines if re.sub(r"\s+# .*", "", line).strip() not in NOT_RUN_HERE)


def needs_docker(block: Block) -> bool:
    return any("docker " in command for command in commands_of(block))


def _what_curl_misses() -> str:
    """Say in a sentence why the documents' curl lines cannot run here; an empty string where they can."""
    if shutil.which("curl") is None:
        return "the command curl is not installed"
    said = subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout
    version = tuple(map(int, re.findall(r"\d+", said)[:2]))
    return "" if version >= (7, 82) else f"curl --json needs curl 7.82, and this is {said.split()[1]}"


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if blocks_of(name, "sh")])
def test_every_command_of_a_document_works_and_prints_what_is_shown(
    document: str, copy: Path, broker: str, request: pytest.FixtureRequest
) -> None:
    if missing := _what_curl_misses():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    env = environment(copy, BROKER_URL=broker)
    addresses = {ADDRESS: urlsplit(broker).netloc}
    if OTHER_ADDRESS in text_of(document):
        addresses[OTHER_ADDRESS] = urlsplit(request.getfixturevalue("other_broker")).netloc
    for block in blocks_of(document):
        if block.language == "diff":
            apply_diff(block.text, copy)
        elif block.language == "sh" and not needs_docker(block):
            script = script_of(block)
            for shown, real in addresses.items():
                script = script.replace(shown, real)
            port = (
                {"MINI_KAFKA_HTTP_PORT": "0", "MINI_KAFKA_KAFKA_PORT": "0"}
                if commands_of(block)[-1] in UNTIL_CTRL_C
                else {}
            )
            run(block, script, copy, env | port)


@pytest.mark.docker
@pytest.mark.parametrize("document", [name for name in DOCUMENTS if any(map(needs_docker, blocks_of(name, "sh")))])
def test_every_docker_command_of_a_document_works_and_prints_what_is_shown(
    document: str, make_stack: MakeStack
) -> None:
    stack = make_stack()
    for block in filter(needs_docker, blocks_of(document, "sh")):
        run(block, script_of(block), Path(stack.context), dict(os.environ))


def test_a_command_that_does_not_run_here_is_still_in_a_document_and_runs_where_the_table_says() -> None:
    shown = {command for name in DOCUMENTS for block in blocks_of(name, "sh") for command in commands_of(block)}
    assert NOT_RUN_HERE.keys() | UNTIL_CTRL_C.keys() <= shown
    for elsewhere in NOT_RUN_HERE.values():
        if elsewhere.test:
            path, _, function = elsewhere.test.partition("::")
            assert function in names_in(ROOT / path), elsewhere.test


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_block_has_a_language_that_is_checked_and_an_answer_where_it_asks_the_broker(document: str) -> None:
    assert text_of(document).count("```") == 2 * len(blocks_of(document)), "a fence is not closed, or not seen"
    assert {block.language for block in blocks_of(document)} <= LANGUAGES
    silent = [str(block) for block in blocks_of(document, "sh") if "curl " in block.text and not block.output]
    assert silent == [], "curl ends with 0 whatever the status: show the answer"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_snippet_stands_in_the_file_that_it_names(document: str) -> None:
    for block in blocks_of(document, "python"):
        first, _, snippet = block.text.partition("\n")
        file = ROOT / first.removeprefix("# ")
        assert file.is_file(), f"{block} names {first}"
        assert is_in_file(snippet, file.read_text()), f"{block} is not in {file.name} as it is shown"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_leads_somewhere(document: str) -> None:
    for link in links_of(document):
        if urlsplit(link).scheme:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.exists(), f"{document}: {link}"
        if anchor:
            assert anchor in anchors_of(target.resolve().relative_to(ROOT).as_posix()), f"{document}: {link}"


def names_in(file: Path) -> set[str]:
    """List the names that a module defines: functions, classes, methods as `Class.method`, and constants."""
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{part.name}" for part in node.body if hasattr(part, "name")}
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                names.add(target.id)
    return names


def find(path: str) -> Path | None:
    """Find a file that a document names, from the root, from its package's folder or from the broker's package."""
    places = [*PACKAGE_ROOTS, ROOT / "services" / "broker" / "mini_kafka"]
    return next((place / path for place in places if (place / path).exists()), None)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_file_and_a_function_that_a_document_names_are_there(document: str) -> None:
    for path, function in re.findall(r"([\w/]+\.py):([A-Za-z_][\w.]*\w)", text_of(document)):
        file = find(path)
        assert file, f"{document}: {path}"
        assert function in names_in(file), f"{document}: {path}:{function}"
    for path in re.findall(r"`([\w.-]+/[\w./-]*\w\.\w+)`", prose_of(document)):
        assert find(path), f"{document}: {path}"


def test_the_tree_in_the_architecture_is_the_tree() -> None:
    (tree,) = (block for block in blocks_of("docs/architecture.md", "text") if block.text.startswith("services/\n"))
    folders: list[str] = []
    shown = set()
    for line in tree.text.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [name]
        shown.add("".join(folders))
    missing = [path for path in shown if not (ROOT / path).exists()]
    packages = [*ROOT.glob("services/*/mini_kafka*"), ROOT / "shared" / "mini_kafka_shared"]
    modules = {file.relative_to(ROOT).as_posix() for package in packages for file in package.rglob("*.py")}
    assert missing == []
    elsewhere = re.compile(r".*/__init__\.py|.*/handlers/api_\d\d_\w+\.py")  # the registry lists the handlers
    assert {module for module in modules if not elsewhere.fullmatch(module)} <= shown


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_setting_that_a_document_names_exists_with_the_default_that_it_states(document: str) -> None:
    text = (ROOT / ".env.example").read_text()
    defaults = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", text, re.MULTILINE))
    prose = prose_of(document)
    for name in re.findall(r"`((?:MINI_KAFKA|PRODUCER|CONSUMER|BROKER)_[A-Z_]+)`", prose):
        assert name in defaults, f"{document}: {name}"
    for names, default in re.findall(r"^\| (`[A-Z_`, ]+`) \| (.*?) *\|", prose, re.MULTILINE):
        for name in re.findall(r"\w+", names):
            assert defaults[name] == default.strip("`"), f"{document}: {name}"


def test_the_table_of_the_http_api_is_the_openapi_document() -> None:
    async def described() -> dict[str, Any]:
        return dict((await (await new_broker()).get("/openapi.json")).json())

    paths = asyncio.run(described())["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    documents = prose_of("README.md") + prose_of("docs/http.md")
    shown = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /\S*)`", documents)
    assert set(shown) == served | {"GET /docs", "GET /openapi.json"}


def test_the_changes_have_a_section_for_this_version() -> None:
    assert f"## [{__version__}]" in text_of("CHANGELOG.md")


def test_a_line_that_was_left_out_stands_for_lines_and_nothing_else_does() -> None:
    def shows(shown: str, printed: str, language: str = "text") -> bool:
        return not difference(Block("a.md", 1, language, shown), printed)

    assert shows("a\nb\n", "a\nb")
    assert not shows("a\n", "a\nb")
    assert shows(f"b\n{LEFT_OUT}\na\n", "a\nb\nc")
    assert not shows(f"a\na\n{LEFT_OUT}\n", "a\nb\nc")
    assert shows("12:00:00 consumer-0a1b2c3d got it in 1.5 s\n", "13:01:02 consumer-ffffffff got it in 0.2 s")
    assert not shows("consumer-1 got it\n", "consumer-2 got it")
    assert shows('{"a": 1}\n{"b": 2}\n', '{"a":1}{"b":2}', "json")
    assert not shows('{"a": 1}\n', '{"a":1}{"b":2}', "json")
