"""Templates as matched filters: checks 7, 8 and 15."""
