"""What people type, one module a command. Belongs here: terminals. Not here: work, which the steps and the graph do."""
