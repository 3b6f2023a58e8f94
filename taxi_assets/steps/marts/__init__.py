"""warehouse -> marts: small tables that answer what trips are asked most, a month at a time."""
