"""Views that stand beside the tables in every store: one text each, and what dialects say differently by name."""
