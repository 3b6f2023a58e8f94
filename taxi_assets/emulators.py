"""The name that ``taxi_assets.cli.emulators`` once had: scripts say ``python -m taxi_assets.emulators COMMAND``."""

import sys

from taxi_assets.cli.emulators import Emulators, main, running_emulators

__all__ = ["Emulators", "main", "running_emulators"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
