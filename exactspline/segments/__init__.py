"""What a segment of inputs goes through: regions, facets and lower faces, with all templates.

`functions.py` asks for the partition of the segment, `path.py` is what comes out, `event.py` one
crossing, `doubts.py` which conditions may vanish at points.
"""
