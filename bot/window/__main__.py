"""`python -m bot.window FD`: started by the daemon with its end of the cord, of no use to a person."""

from __future__ import annotations

import asyncio
import sys

from bot.window.pane import serve

if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
