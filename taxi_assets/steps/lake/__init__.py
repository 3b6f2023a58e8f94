"""raw, clean -> lake: a folder or a GCS bucket laid out alike, and the way back from it."""
