"""Norms: where a result stands among those of a named, dated group. None below a hundred people.

`group`: the group, frozen with its results. `placing`: a percentile with an interval that holds both errors.
"""
