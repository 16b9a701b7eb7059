"""Runs a module as a child process that does not outlive its parent.

``python -m gateway.child PARENT_PID MODULE``. A parent that is killed cannot stop its children. On
Linux the kernel does: it sends them a signal when their parent dies.
"""

import ctypes
import os
import runpy
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
"""``prctl(2)``: the signal that the kernel sends when the parent dies."""


def main() -> None:
    """Ask for SIGTERM at the parent's death, then run the module."""
    parent, module = int(sys.argv[1]), sys.argv[2]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
