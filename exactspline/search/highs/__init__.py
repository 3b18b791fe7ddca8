"""The engine for wide inputs, whose linear programs HiGHS guesses."""
