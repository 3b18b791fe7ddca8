"""The planar subdivision that the regions of a two-dimensional domain form."""
