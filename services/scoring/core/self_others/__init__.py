"""How a participant's own view and the others' view lie to each other: never part of a score.

`comparing`: one figure of one participant, named only where the difference exceeds its error. `surface`: what follows
from agreement and disagreement in a large group, by polynomial regression. `cohort`: both, for the results of a cohort.
"""
