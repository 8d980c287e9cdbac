"""`python -m demo [--input PATH]`: watch a file's lines travel through the broker."""

import signal
import sys


def main() -> int:
    """Run the demo and return its exit code."""
    # What follows takes a while to import. Until it has handlers of its own, Ctrl-C ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from demo import command

    return command.main()


if __name__ == "__main__":
    sys.exit(main())
