"""The synthetic source: months that look like published ones, dirt included, made on the spot and labelled."""
