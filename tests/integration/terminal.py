"""The project's commands on a terminal, and what a person sees there in the end."""

import os
import pty
import subprocess

from tests.integration.programs import BIN

ERASE = "\r\x1b[K"


def run_on_a_terminal(program: str, *flags: str, with_stdout: bool) -> tuple[str, str]:
    """Run a command with a terminal as its standard error, and perhaps output; return terminal's and pipe's text."""
    mine, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    command = [str(BIN / program), *flags]
    stdout = its if with_stdout else subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=its, env=environment) as process:
        os.close(its)
        pieces = []
        while True:
            try:
                piece = os.read(mine, 65536)
            except OSError:  # how Linux says that nobody has the other end open any more
                piece = b""
            if not piece:
                break
            pieces.append(piece)
        piped = process.stdout.read().decode() if process.stdout else ""
        assert process.wait(timeout=10) == 0
    os.close(mine)
    return b"".join(pieces).decode().replace("\r\n", "\n"), piped


def screen(text: str) -> list[str]:
    """Give the lines that a person sees in the end."""
    return [line.rpartition(ERASE)[2] for line in text.removesuffix("\n").split("\n")]
