"""The engines, a file each: who begins its searches, and what it is good at."""
