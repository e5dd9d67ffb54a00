"""`python -m keras_consistency_cli` and `kcheck`: signals are taken care of before anything else is imported."""

import os
import signal
import sys

from keras_consistency_cli.workers.signals import leave_at_once

__all__ = ["main"]

_TOLD_TO_END = (130, 143)


def main() -> int:
    """Run kcheck. A signal before or after the run itself, when there is nothing to clean up, ends the process at once and quietly."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave_at_once)
    from keras_consistency_cli.cli.main import main as run

    code = run()
    if code in _TOLD_TO_END:
        # Everything is cleaned up, and whoever pressed Ctrl-C waits: the interpreter would take its time to take itself apart.
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
