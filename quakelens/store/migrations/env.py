"""Run by Alembic; only from `quakelens.store.opening`, which gives it a connection."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
