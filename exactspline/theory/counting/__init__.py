"""Numbers of regions: check 13, and hyperplane arrangements."""
