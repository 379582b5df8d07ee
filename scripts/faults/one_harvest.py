"""One harvest in a process of its own, that of `check_kills`: ROOT URL ADDRESS NOW [--store URL] [--model].

Ends as the program does: a message on standard error and its exit code.
"""

import argparse
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from check_kills import harvest

from quakelens.errors import QuakelensError
from quakelens.orchestration import speak

parser = argparse.ArgumentParser()
parser.add_argument("root")
parser.add_argument("url")
parser.add_argument("address")
parser.add_argument("now")
parser.add_argument("--store")
parser.add_argument("--model", action="store_true")
given = parser.parse_args()
speak()
try:
    harvest(given.root, given.url, given.address, given.now, given.model, threading.Event(), given.store)
except QuakelensError as error:
    print(f"quakelens: {type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
