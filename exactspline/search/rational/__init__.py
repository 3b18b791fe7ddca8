"""The plain engine in rational arithmetic, the reference of the others."""
