"""What Alembic runs: the versions of this folder on the connection that is handed in."""

from __future__ import annotations

from alembic import context

from generator.store.migrations import VERSION_TABLE
from generator.store.tables import OWN

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=OWN,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
