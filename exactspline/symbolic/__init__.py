"""A network and its regions in the words of other libraries: formulas, LaTeX, solvers."""
