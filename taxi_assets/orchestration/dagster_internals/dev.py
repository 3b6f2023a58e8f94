"""``dagster dev``: it starts the webserver as the module ``dagster_webserver`` and has no option to name another."""

# The command line of Dagster, as `python -m dagster` runs it.
from dagster._cli import dev, main

__all__ = ["dev", "main"]
