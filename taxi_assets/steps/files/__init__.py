"""What the layers hand to each other, and how files are read: raw file, clean file, formats, headers, DuckDB."""
