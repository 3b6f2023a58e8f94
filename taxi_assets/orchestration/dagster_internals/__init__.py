"""What Dagster has and does not offer: every name of its private modules that this project uses.

Belongs here: imports, each with the reason why no public name does; nothing outside of this folder imports
``dagster._…``. Not here: code. There is a module for each place that uses them, as some take a second to import.

After an upgrade of Dagster, ``taxi_assets_tests/unit/orchestration/test_dagster_internals.py`` says which names are
gone.
"""
