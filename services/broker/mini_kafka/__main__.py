"""The `mini-kafka` command, safe to signal while it still imports: the broker, or `mini-kafka copy`."""

import sys

from mini_kafka_shared.early_exit import end_at_once_on_signals

COPY = "copy"
COPY_STOPPED = 4
"""The exit code of a copy that a signal ended: what follows it in a script must not go on."""


def main() -> int:
    """Run the command, and return its exit code."""
    if sys.argv[1:2] == [COPY]:
        end_at_once_on_signals(COPY_STOPPED)
        from mini_kafka.copying import command as copy_command  # takes a while

        return copy_command.main(sys.argv[2:])
    end_at_once_on_signals()
    from mini_kafka import command  # takes a while

    return command.main()


if __name__ == "__main__":
    sys.exit(main())
