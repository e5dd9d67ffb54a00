"""`python -m keras_consistency_cli` and `kcheck`: signals are taken care of before anything else is imported."""

import signal
import sys

from keras_consistency_cli.interruption import leave_at_once

__all__ = ["main"]


def main() -> int:
    """Run kcheck. A signal before or after the run itself, when there is nothing to clean up, ends the process at once and quietly."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave_at_once)
    from keras_consistency_cli.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
