"""What people type: `taxi COMMAND`, which `python -m taxi_assets COMMAND` is too.

    program.py    the commands, their options, their help and examples; imports nothing that is slow
    carry/        what carries months through the layers: demo, load, backfill
    look/         what shows what is there: status, why, sql, psql
    serve/        what runs beside it: the UI, the database, the emulators, and what is wrong with them
    shared/       what several commands say and need

Belongs here: terminals. Not here: work, which the steps and the graph do.
"""
