"""What holds for all tests."""

import signal

# Whoever starts the tests in the background may have had these ignored, and every process that a test starts would ignore them too.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)
