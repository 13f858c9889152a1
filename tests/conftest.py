"""For every test: a process started in the background inherits an ignored SIGINT, and so would all commands that the tests interrupt."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
