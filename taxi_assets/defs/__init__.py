"""Yours: what you put or scaffold here joins the graph.

Belongs here: your own assets, checks, jobs, schedules, sensors, resources and components, in files and folders as you
like. ``dg scaffold defs dagster.asset trips_per_day.py`` makes a first one. Yours may follow our assets and ask for our
resources by their names (``lake``, ``warehouse``, ``postgres``, ``files``). A monthly dataset of your own is a
``defs.yaml``: ``dg scaffold defs taxi_assets.components.TripDataset bikes`` makes one (docs/your-dataset.md). Not here:
anything of taxi_assets itself, which takes nothing from this folder but those declarations.

Whatever has the name of something of ours is refused, by both names, when the project is loaded.
"""
