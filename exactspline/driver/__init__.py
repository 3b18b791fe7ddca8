"""The one loop that runs a search: made, gone through, stopped, and told how it ended.

Public functions, commands and checks of the theory ask here; nobody else loops over batches.
"""
