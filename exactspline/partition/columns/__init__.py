"""Regions in columns: codes as bits, witnesses, and what files say about them."""
