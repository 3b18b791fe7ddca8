"""At the edge of the theory: no MASOs, wavelets, boundaries, scales, hats: statement 18."""
