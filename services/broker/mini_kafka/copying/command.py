"""The command `mini-kafka copy`: settings, logging, signals, one run."""

import sys
import threading
from collections.abc import Sequence

from mini_kafka.copying.progress_report import ProgressReport
from mini_kafka.copying.run import STOPPED, Run
from mini_kafka.copying.settings import CopySettings
from mini_kafka.copying.sides import Side
from mini_kafka_shared.logging_setup import one_line, quiet_exit, say, set_up_logging
from mini_kafka_shared.progress import ProgressBar
from mini_kafka_shared.retry import end_on_signals
from mini_kafka_shared.settings import load

DESCRIPTION = """Copy topics from one Mini Kafka broker to another, whatever their engines: records, configs, and the
committed offsets of groups. A run that was cut short is gone on with by the same command. Exit codes: 0 all is copied
and alike, 1 something is not copied, 2 the command line is wrong, 3 the sides differ, 4 a signal came first."""


def copy(settings: CopySettings) -> int:
    """Copy what the settings name, and return the exit code."""
    stop = threading.Event()
    with end_on_signals(stop):
        bar = ProgressBar.on_a_terminal()
        say_here = bar.above(say) if bar and sys.stdout is not None and sys.stdout.isatty() else say
        source, target = (
            Side(url, patience_s=settings.broker_wait, stop=stop) for url in (settings.from_, settings.to)
        )
        return Run(source, target, settings, ProgressReport(bar), lambda text: say_here(one_line(text))).run()
    return STOPPED  # cut short


def main(argv: Sequence[str]) -> int:
    """Read the settings, copy until the end or a signal, and return the exit code."""
    settings = load(CopySettings, argv, prog="mini-kafka copy", description=DESCRIPTION).settings
    set_up_logging(settings.log_level, log_format=settings.log_format)
    return quiet_exit(lambda: copy(settings))
