"""What every measurement stands on: the plan, a server, worker processes and their cost, a running Dagster.

Belongs here: whatever knows no contender and no measure. Not here: what is compared with what.
"""
