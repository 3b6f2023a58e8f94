"""raw -> clean: typed, normalised Parquet; rejected lines beside it, each with its reason."""
