"""What Alembic runs steps in: the connection and the transaction that `store.migrating` has opened."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="migration",
    part=context.config.attributes["part"],
)
context.run_migrations()
