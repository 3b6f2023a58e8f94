"""What several commands need: exit codes, consoles, months as people write them, Dagster's folders."""
