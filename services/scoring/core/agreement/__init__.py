"""Agreement and reliability: every statistic with its interval, or the reason why these data carry none.

`icc`: how much of the differences is between people. `generalizability`: what more raters would bring. `consistency`:
how items hang together. `chance`: categories beyond chance. `within_group`: raters of one person.
"""
