"""What dagster.yaml names, run storage and launcher, and what keeps the records of runs true."""
