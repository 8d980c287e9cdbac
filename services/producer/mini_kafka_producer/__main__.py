"""The `mini-kafka-producer` command, safe to signal while it still imports."""

import sys

from mini_kafka_shared.early_exit import end_at_once_on_signals


def main() -> int:
    """Run the command, and return its exit code."""
    end_at_once_on_signals()
    from mini_kafka_producer import command  # takes a while

    return command.main()


if __name__ == "__main__":
    sys.exit(main())
