"""What alembic runs: the migrations, on the connection and in the transaction that `shared.migrations` gives it."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from shared import tables


def readable(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """In drafts, the column types of `shared.tables` by their names."""
    if kind != "type":
        return False
    for name in ("BigId", "Json"):
        if repr(item) == repr(getattr(tables, name)):
            autogen.imports.add(f"from shared.tables import {name}")
            return name
    if isinstance(item, tables.Moment):
        autogen.imports.add("from shared.tables import Moment")
        return "Moment()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"] or tables.metadata,  # its naming convention counts
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
    render_item=readable,
)
with context.begin_transaction():
    context.run_migrations()
