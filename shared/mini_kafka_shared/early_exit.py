"""What a signal does to a program that still imports: it ends, without a traceback.

A program installs this first and imports everything else afterwards, so this imports almost nothing itself. The
program's own handlers take over as soon as there is something to end in order.
"""

import os
import signal


def end_at_once_on_signals(code: int = 0) -> None:
    """Make SIGTERM and SIGINT end the process with an exit code: it has not begun anything that could be lost."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(code))
