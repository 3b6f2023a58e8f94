"""marts -> one HTML page of the city: trips, fares and tips, places and hours, and what became of every file."""
