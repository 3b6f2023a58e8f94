"""Yours: what you put or scaffold here joins the graph.

Belongs here: your own assets, checks, jobs, schedules, sensors, resources and components, in files and folders as you
like. ``dg scaffold defs dagster.asset trips_per_day.py`` makes a first one. Yours may follow our assets and ask for our
resources by their names (``lake``, ``warehouse``, ``postgres``, ``files``). Not here: anything of taxi_assets itself,
which never imports from this folder.

Whatever has the name of something of ours is refused, by both names, when the project is loaded.
"""
