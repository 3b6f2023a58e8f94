"""From the figures to the report.

Belongs here: goals, tables, the chart. Not here: measuring.
"""
