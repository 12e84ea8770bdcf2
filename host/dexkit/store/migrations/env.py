"""Alembic's door: it is handed an open connection and leaves the transaction to whoever opened it."""

from alembic import context

from dexkit.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
