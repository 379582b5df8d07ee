"""Scoring millions of pictures in chunks, in one process or in many; killed at any moment, it goes on where it was.

The output folder holds the whole run, so that any process that sees it can score a chunk:

run.json            which pictures and which model, how many chunks; written once, when all below is there
manifest.jsonl      the path of every picture, a JSON string a line, in order, each once
offsets.npy         where in it each chunk begins
model/              the model, copied when the run started
attempts/           chunks that were begun and are not done: after deaths they are scored more carefully
chunks/000/...      the rows of each chunk that is done
results.jsonl.gz    the rows of all of them, in the manifest's order; then chunks/ is no longer needed
summary.json        the figures; written last
"""
