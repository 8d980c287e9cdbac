"""`pip install .` as a stranger does it: the runtime requirements with their hashes, then the project."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.programs import ROOT

COMMANDS = ("mini-kafka", "mini-kafka-producer", "mini-kafka-consumer")


@pytest.fixture(scope="module")
def fresh_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the project into a new virtual environment, away from the repository."""
    venv = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip: list[str | Path] = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "--requirement", ROOT / "requirements.txt"], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", ROOT], check=True)
    return venv / "bin"


@pytest.mark.parametrize("command", COMMANDS)
def test_an_installed_command_explains_itself(fresh_bin: Path, tmp_path: Path, command: str) -> None:
    done = subprocess.run([fresh_bin / command, "--help"], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {command} ")
    assert done.stderr == ""


def test_the_installed_packages_come_from_the_wheel(fresh_bin: Path, tmp_path: Path) -> None:
    code = "import mini_kafka, mini_kafka_shared; print(mini_kafka.__file__, mini_kafka_shared.__file__)"
    done = subprocess.run([fresh_bin / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert all(Path(file).is_relative_to(fresh_bin.parent) for file in done.stdout.split())
