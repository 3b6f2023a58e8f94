"""What is done to a month, in the order of the data, without Dagster: fetch, clean, load, copy, load."""
