"""What the Python programs have in common that come along and write events: a JSON object a line.

What comes by TOLD, which was standard input: this text and what follows it, a line with what to run, and then what the service
tells, a JSON object a line, like {"ack": N} whenever the first N lines are on disk. What is printed is no event: standard output is
the log."""

import _thread
import json
import os
import sys
import time
import traceback

OLDEST = (3, 9)

# As many characters of what is no JSON are kept, and of a reason.
KEPT = 16 * 1024
SHOWN = 500

# A library that is loaded later may put others in their places.
new_lock, start_thread, thread_id = _thread.allocate_lock, _thread.start_new_thread, _thread.get_ident
write_to, sleep = os.write, time.sleep


class NotFound(Exception):
    """What is to be run is not there; says why in words."""


class Pipe:
    """Writes lines, and counts them."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.lock = new_lock()
        self.written = 0

    def write(self, said):
        """Writes a line, and gives its number."""
        line = json.dumps(said).encode() + b"\n"
        with self.lock:
            self.written += 1
            self.write_all(line)
            return self.written

    def write_all(self, line):
        while line:
            line = line[write_to(self.pipe, line) :]


def begin(what):
    """Makes standard output the log, and gives the descriptor that lines go to."""
    if sys.version_info < OLDEST:
        why = f"the Python of {what} has to be 3.9 or later: name another one in `python`"
        fail(1, why)
        sys.exit(why)
    sys.path[:] = [folder for folder in sys.path if folder]
    # What is printed goes where errors go.
    pipe = os.dup(1)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)
    return pipe


def log_to_stderr():
    import logging

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(levelname)s: %(message)s")


def described(error):
    """An exception in a line."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text[:SHOWN]


def fail(pipe, why):
    """Says why the program ends, with its last line."""
    try:
        write_to(pipe, json.dumps({"failing": why[:SHOWN]}).encode() + b"\n")
    except OSError:
        pass


def status_of(error):
    """The exit status that a SystemExit asks for."""
    return error.code if isinstance(error.code, int) else int(error.code is not None)


def end(status):
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that are left do not matter.
    os._exit(status)
