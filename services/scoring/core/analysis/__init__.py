"""Ratings of a file, scored without a cohort: for analysts.

`long_table` and `item_table` read, `scoring` fits source by source and domain by domain, `adjusting` says who is
adjusted
for their raters and why not, `combining` joins sources, `documents` is the JSON; `agreeing` has the agreement
statistics.
"""
