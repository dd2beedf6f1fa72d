"""Before the day: whether a cohort's assignments will carry the claims that are to be made, and a better rota.

`assignments` is what is looked at; `linking` who can be compared with whom, `coverage` where domains are seen too
rarely, `precision` what interval to expect, `rota` proposes who watches whom, `checking` puts it into words.
"""
