"""Opening the store: made if it is not there, brought to the newest form if it is old."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from sqlalchemy import URL, Engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError

from quakelens.errors import StorageError, UsageError
from quakelens.locks import exclusive
from quakelens.store.database import Store, make_engine

NEWEST = "0004"
"""The newest migration. Alembic is only imported where the store is older."""

_POSTGRESQL_LOCK = 7_150_214_004


def open_store(url: str) -> Store:
    """Open the store at an SQLAlchemy URL; two processes may do so at once.

    Args:
        url: Such as `sqlite:////srv/quakelens/store.db` or `postgresql://user:password@host/database`.

    Raises:
        UsageError: The URL cannot be used, the file is no database, or a newer quakelens made it.
        StorageError: The server of PostgreSQL cannot be reached, or refuses.
        Busy: Another process has been bringing it to the newest form for more than a minute.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(
            "QUAKELENS_STORE_URL is not an SQLAlchemy URL: set it to something like sqlite:////path/store.db"
        ) from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")  # the driver that comes with quakelens
    shown = parsed.render_as_string(hide_password=True)
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(f"the store cannot be kept in {shown}: use SQLite or PostgreSQL")
    file = _file(parsed)
    if file is None and parsed.get_backend_name() == "sqlite":
        raise UsageError("the store needs a file: a database in memory is lost between commands")
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        _bring_up_to_date(parsed, file, shown)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UsageError(f"{shown} needs a database driver that is not installed: {error}") from None
    except OperationalError as error:
        if file is not None:
            raise UsageError(f"the store {shown} cannot be opened: {error.orig}") from error
        raise StorageError(
            f"the store {shown} cannot be reached: {str(error.orig).strip()}. See that the server is up, that the "
            "database is there, and that QUAKELENS_STORE_URL is right"
        ) from error
    except (DatabaseError, OSError) as error:
        cause = getattr(error, "orig", error)
        raise UsageError(f"the store {shown} cannot be opened: {cause}") from error
    return Store(parsed)


def _bring_up_to_date(url: URL, file: Path | None, shown: str) -> None:
    engine = make_engine(url)
    try:
        if (file is None or file.is_file()) and _version(engine, shown) == NEWEST:
            return
        with _alone(file):
            version = _version(engine, shown)  # another process may have been faster
            if version == NEWEST:
                return
            if version is not None and version > NEWEST:
                raise UsageError(
                    f"the store {shown} was made by a newer quakelens (form {version}, this one knows "
                    f"{NEWEST}): install that version, or set QUAKELENS_STORE_URL to another store"
                )
            _migrate(engine)
    finally:
        engine.dispose()


def _version(engine: Engine, shown: str) -> str | None:
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        if "alembic_version" in tables:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise UsageError(f"{shown} holds another program's tables: set QUAKELENS_STORE_URL to another place")
    return None


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:  # stays with the file; cannot be set in a transaction
            cursor = connection.connection.cursor()
            connection.rollback()
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.close()
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _alone(file: Path | None) -> AbstractContextManager[None]:
    """On SQLite a lock beside the file; PostgreSQL locks by itself in `_migrate`."""
    if file is None:
        return nullcontext()
    return exclusive(file.with_name(f"{file.name}.lock"), f"the store {file}")


def _file(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))
