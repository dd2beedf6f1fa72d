"""The same people measured again: change beside its error, and only where both results mean the same.

`change`: one figure of one person. `pairing`: which figures of two results may be compared. `cohort`: a whole cohort.
"""
