"""What keeps a picture whose decoding ends the process from ending the next process, too.

Decoders are C code fed by strangers: a picture may crash one, or have the system kill the process for its memory.
Nothing can be caught then. So each process notes what it is decoding (`notes`), and the next one decodes what a dead
process was at in a process of its own (`apart`).
"""
