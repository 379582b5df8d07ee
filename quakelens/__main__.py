"""`python -m quakelens`."""

from quakelens.cli.main import main

main()
