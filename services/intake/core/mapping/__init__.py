"""Drafting and checking a mapping: which field of a form is which item, what an answer is worth, who speaks about whom.

`draft` proposes, for a coordinator to confirm: by `statements` (what is asked), `labels` (what may be answered) and
`identity_fields` (who). Below a stated confidence it proposes nothing and says why. `seen` gathers what deliveries show
of a form; `check` compares a mapping with what arrives.
"""
