"""Which regions a data set visits: distinct codes with counts, in bounded memory.

The room is not called as its function `exactspline.census` is: importing a package of that name
would put it in the function's place.
"""
