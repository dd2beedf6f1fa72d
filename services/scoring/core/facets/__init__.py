"""The many-facet model: what a participant shows, apart from who happened to rate them, with an interval that counts
raters and not ratings. `ratings` codes and collapses, `items` knows the scale, `effects` solves, `fit` joins them.
"""
