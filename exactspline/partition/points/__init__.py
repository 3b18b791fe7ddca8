"""Points against a partition: which regions hold them."""
