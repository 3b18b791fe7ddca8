"""
A trained network, counted
==========================

A classifier of two half moons, 2-16-16-1 with ReLU, is taken apart. You learn how to read a
network, count its regions in a window, tell the three counts apart, and draw what was found.
"""

import exactspline as es

net = es.load("../moons.onnx")
print(net)

# %%
# The count on all of R^2, with the proofs that it rests on:

count = es.count_regions(net)
print(count, "regions, complete:", count.complete)
print(count.decisions)

# %%
# In a window the regions themselves, and the facets between them. Codes are 0 and 1 for every
# unit, witnesses are points strictly inside.

omega = es.enumerate_regions(net, es.Box([-2, "-1.5"], [3, 2]), graph=True)
print(omega, omega.edges)
print("activation regions:", len(omega))
print("connected linear regions:", len(omega.linear_regions()))
print("distinct affine pieces:", len(omega.distinct_pieces()))

# %%
# Every polygon below was computed exactly before it was drawn. The bold line is the decision
# boundary f = 0.

picture = omega.plot(color="slope", boundary=True)
