"""The LP-based enumeration: kernel, float filter, certificates, and the driver."""
