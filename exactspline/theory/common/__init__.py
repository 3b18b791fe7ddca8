"""What checks of several chapters need."""
