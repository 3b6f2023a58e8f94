"""lake -> warehouse: views in a DuckDB catalogue, or a table in BigQuery."""
