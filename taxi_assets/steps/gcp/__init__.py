"""Google Cloud: its clients, what their errors mean, and what is checked before a run."""
