"""Runs NFStream over captures, two at a time.

Each line on standard input is a capture and the CSV to write, with a tab between them. A capture
that NFStream cannot read, or takes too long for, gets no CSV.
"""

import multiprocessing
import os
import signal
import sys

from nfstream import NFStreamer

# For each capture; the slowest one takes a few.
SECONDS = 120


def child_died(*_):
    """The process that reads packets crashed: its results would be waited for in vain."""
    for process in list(multiprocessing.process._children):
        if process.exitcode not in (None, 0):
            os._exit(3)


def flows(capture, csv):
    """Writes the flows of a capture, in a process of its own: the engine crashes at times."""
    os.setsid()
    signal.signal(signal.SIGCHLD, child_died)
    signal.alarm(SECONDS)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    streamer = NFStreamer(
        source=capture,
        statistical_analysis=True,
        splt_analysis=20,
        n_dissections=0,
        n_meters=1,
        idle_timeout=120,
        active_timeout=1800,
    )
    unfinished = csv + ".tmp"
    if streamer.to_csv(path=unfinished) == 0:
        open(unfinished, "w").close()
    os.rename(unfinished, csv)


def main():
    running = set()

    def wait_for_one():
        pid, _ = os.wait()
        running.discard(pid)
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    for line in sys.stdin:
        capture, csv = line.rstrip("\n").split("\t")
        while len(running) >= 2:
            wait_for_one()
        pid = os.fork()
        if pid == 0:
            try:
                flows(capture, csv)
            except BaseException:
                os._exit(2)
            os._exit(0)
        running.add(pid)
    while running:
        wait_for_one()


if __name__ == "__main__":
    main()
