"""What is verified about each asset, and what it blocks.

Checks look at the stores themselves and trust no figure that a step reported. In a run they look at the run's
months; executed by themselves, at every month on this machine.
"""
