"""The name that ``taxi_assets.cli.serve.emulators`` once had; scripts say ``python -m taxi_assets.emulators``."""

import sys

from taxi_assets.__main__ import main
from taxi_assets.cli.serve.emulators import Emulators, running_emulators

__all__ = ["Emulators", "running_emulators"]

if __name__ == "__main__":
    sys.exit(main(["emulators", *sys.argv[1:]]))
