"""The result of an enumeration: codes, witnesses and how they were proved.

`partition.py` is the face of what the sub-rooms offer.
"""
