"""Cases of SparseLinear."""

import numpy as np
import operator_cases as cases
from plain import Grid

import exactspline as es


@cases.case("SparseLinear")
def sparse_linear(rng):
    shape = cases._shape(rng)
    axis, style = rng.randrange(-len(shape), len(shape)), rng.choice(cases.STYLES)
    n_in, n_out, place = shape[axis], rng.randint(1, 4), axis % len(shape)
    counts = [rng.randint(0, n_in) for _ in range(n_out)]
    indices = [j for count in counts for j in rng.sample(range(n_in), count)]
    values = cases.array(rng, (len(indices),), style) if rng.random() < 0.8 else None
    matrix = np.zeros((n_out, n_in), dtype=object)
    at = 0
    for i, count in enumerate(counts):
        for k in range(at, at + count):
            matrix[i, indices[k]] += 1 if values is None else values[k]
        at += count

    def value(x):
        out = list(x.shape)
        out[place] = n_out

        def entry(*index):
            row = matrix[index[place]]
            return sum(row[j] * x.at[(*index[:place], j, *index[place + 1 :])] for j in range(n_in))

        return Grid(out, entry)

    def in_torch(x):
        moved = x.movedim(place + 1, -1) @ cases.tensor(matrix).T
        return moved.movedim(-1, place + 1)

    return cases.Case(
        es.SparseLinear(n_in, counts, indices, values, axis=axis), [shape], value, in_torch
    )
