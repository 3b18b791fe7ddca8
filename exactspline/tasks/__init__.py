"""A search in pieces: parts of the tree as tasks, on executors, in order, resumable."""
