"""What people type, one module a command. Belongs here: terminals. Not here: work, which the steps and the graph do."""

STOPPED = "Stopped. What was finished is kept; run the same command again to go on."
INTERRUPTED = 130
"""The exit code of what Ctrl-C stopped, as shells have it."""
