"""The middle tier: forms, points and certificates in double-double arithmetic."""
