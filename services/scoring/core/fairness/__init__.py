"""Whether groups of participants fare differently, and whether so few people can tell: never a scoring input.

`impact`: who is selected. `differing`: means of two groups. `pairings`: who rates whom how. `items`: items that work
differently (DIF). `suppression`: what small counts must not show. `report` puts them together, `documents` is the JSON.
Groups come in as labels by participant; what they stand for is not known here.
"""
