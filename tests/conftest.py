"""What holds for all tests."""

import signal

# Whoever starts the tests in the background may have had Ctrl-C ignored, and every process that a test starts would ignore it too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
