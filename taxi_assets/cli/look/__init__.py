"""Commands that show what is there, one module a command. They change nothing."""
