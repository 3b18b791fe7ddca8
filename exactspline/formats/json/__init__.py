"""Networks and domains as JSON, with exact numbers."""
