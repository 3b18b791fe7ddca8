"""VNN-LIB properties: the domains that they state."""
