"""Power diagrams, Voronoi diagrams, cuts and bends: checks 11 and 12."""
