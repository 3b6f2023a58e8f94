"""source -> raw: the file exactly as published, verified to its last byte."""
