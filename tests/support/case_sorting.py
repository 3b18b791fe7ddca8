"""Cases of Sort."""

import operator_cases as cases
from plain import Grid

import exactspline as es


@cases.case("Sort", convex=False)
def sort(rng):
    shape = list(cases._shape(rng))
    axis = rng.randrange(-len(shape), len(shape))
    n = shape[axis] = rng.randint(1, 5)
    ranks = [rng.randrange(-n, n) for _ in range(rng.randint(0, 3))]

    def value(x):
        place, out = axis % len(x.shape), list(x.shape)
        size = x.shape[place]
        wanted = [r % size for r in ranks] or list(range(size))
        out[place] = len(wanted)

        def entry(*index):
            row = [x.at[(*index[:place], j, *index[place + 1 :])] for j in range(size)]
            return sorted(row)[wanted[index[place]]]

        return Grid(out, entry)

    def in_torch(x):
        import torch

        at = axis % len(shape) + 1
        wanted = torch.tensor([r % n for r in ranks] or range(n))
        return x.sort(dim=at).values.index_select(at, wanted)

    return cases.Case(es.Sort(ranks, axis=axis), [tuple(shape)], value, in_torch)
