"""What must always hold: what such a rule is (`rule`), how all are checked on a timer and put right where that can do
no harm (`checking`), where the results are kept (`findings`). The rules themselves are one small file each: the bus's
in `bus/`, a service's in `services/*/invariants/`; `deploy.invariants` puts them together.
"""
