"""One module per command: options -> one library call -> print. A module's `command` is its click command; its file name, with hyphens
for underscores, is the command's name. Modules that begin with an underscore are shared pieces.

Heavy libraries (torch, pandas, FastAPI) are imported inside the callbacks: `triage --help` must answer at once.
"""
