"""`python -m keras_consistency_cli`: the same as `kcheck`."""

import sys

from keras_consistency_cli.cli import main

if __name__ == "__main__":
    sys.exit(main())
