"""Ties a child to its starter's life: run by path, it changes user if asked, arms the tie, and turns into the child.

    tether.py PARENT_PID SIGNAL USER_OR_DASH COMMAND [ARGUMENT…]

A file of its own, on the standard library alone, because what runs between fork and exec in a program
with threads must be another program, not a callback.
"""

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent(signum: int) -> bool:
    """Have the kernel send `signum` to this process when its parent ends; False where the kernel cannot (not Linux)."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0) == 0)


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def main(arguments: list[str]) -> None:
    """Never returns: this process becomes the command, or ends with a sentence on standard error."""
    parent, signum, user, *command = arguments
    if user != "-":
        _become(user)
    die_with_parent(int(signum))  # after the change of user, which clears it
    if os.getppid() != int(parent):
        raise SystemExit("the program that asked for this has ended")
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execvp(command[0], command)  # noqa: S606  no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        raise SystemExit(127) from error


if __name__ == "__main__":
    main(sys.argv[1:])
