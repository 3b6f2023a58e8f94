"""Commands that carry months through the layers, one module a command, and the runs that they share."""
