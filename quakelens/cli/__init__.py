"""The program `quakelens`: one module a command, imported only when it is called."""
