"""`python -m keras_consistency_cli` and `kcheck`: handle signals before any other import."""

import os
import signal
import sys

from keras_consistency_cli.workers.signals import exit_now

__all__ = ["main"]

_INTERRUPTED = (130, 143)


def main() -> int:
    """Run kcheck; return the exit code.

    A signal before or after the run itself, when there is nothing to clean up, ends the process at once.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, exit_now)
    from keras_consistency_cli.cli.main import main as run

    code = run()
    if code in _INTERRUPTED:
        # Everything is cleaned up, and the user waits: the interpreter would need time to shut down.
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
