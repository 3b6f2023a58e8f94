"""clean -> postgres: a month of ``public.<dataset>_tripdata``, swapped in whole."""
