"""Where pictures, heat maps, archived pages and reports are kept: a folder, or a bucket of an S3-compatible server."""

from quakelens.depot.depot import Depot, Filed, as_depot, open_depot
from quakelens.depot.folder import Folder

__all__ = ["Depot", "Filed", "Folder", "as_depot", "open_depot"]
