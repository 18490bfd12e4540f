"""`python -m bot.window FD`: started by the daemon with its end of the cord, of no use to a person."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_NICENESS = 5
_DIES_SOONER = 300
"""Of -1000 to 1000, added to the engine's: where memory runs out, the engine is the last to go."""


def stand_back() -> None:
    """The engine goes first, to the processor and in memory; where the system does not let us say so, it does not matter.

    A supervisor's or a terminal's signal to all is the engine's: the window shows how it leaves, and goes after it. Where it hangs it is
    killed with it: whoever holds the engine's address keeps the next engine from starting.
    """
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    with contextlib.suppress(AttributeError):  # it is Linux's
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(min(1000, int(score.read_text()) + _DIES_SOONER)))


if __name__ == "__main__":
    stand_back()
    from bot.window.pane import serve  # half a second of a core at the daemon's start: after standing back

    asyncio.run(serve(int(sys.argv[1])))
