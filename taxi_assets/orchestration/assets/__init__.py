"""The steps as Dagster assets: partition in, function, metadata out."""
