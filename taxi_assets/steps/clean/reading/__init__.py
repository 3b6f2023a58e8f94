"""How a file that is not trusted is read: layout and encoding, what values and dates are, the queries of a format."""
