"""A seeded campaign of faults and mutants: ``python -m taxi_assets_tests.faults``, or ``make test-faults``.

Belongs here: kinds of faults, mutants of small months, and a reading of every store that shares no code with the
project. Not here: tests of single faults, which lie beside the layer that they are about. What is promised and what
was tried is in ``docs/faults.md``.
"""
