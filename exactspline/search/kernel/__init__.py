"""The compiled engine: its depth-first search, certificates and facets, and what drives them."""
