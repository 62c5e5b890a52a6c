"""Where an installation's own files lie, and who may pass through to them."""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.errors import ConfigurationError
from app.log import logger

# PostgreSQL refuses to run as root, so root hands it to this account: no shell, no home, no password.
SERVICE_USER = "doorstep-data"
# A socket's path must fit into sockaddr_un: 108 bytes on Linux, 104 on macOS, less "/.s.PGSQL.5432" and the final NUL.
_LONGEST_SOCKET_FOLDER = 104 - 15
_ONCE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_PLAIN = re.compile(r"[\w./ +=@~-]+", re.ASCII)  # what needs no quoting in PostgreSQL's list of socket folders

log = logger(__name__)


def default_home() -> Path:
    """The user's data folder by the platform's convention (XDG base directories; Application Support on macOS)."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Doorstep"
    named = os.environ.get("XDG_DATA_HOME", "")
    base = Path(named) if named.startswith("/") else Path.home() / ".local" / "share"
    return base / "doorstep"


@dataclass(frozen=True, slots=True)
class Home:
    """The folders under one installation's home. `path` is absolute and free of symbolic links."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def run(self) -> Path:
        """Pid files, locks and addresses of what runs now; empty of meaning when nothing runs."""
        return self.path / "run"

    def log(self, name: str) -> Path:
        """The log file of one server or program."""
        return self.path / "logs" / f"{name}.log"


def open_home(path: Path) -> Home:
    """Make the home's folders, readable by their owner only. Raises ConfigurationError when they cannot be made."""
    home = Home(path.expanduser().resolve())
    try:
        home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (home.run, home.log("any").parent):
            folder.mkdir(exist_ok=True, mode=0o700)
        if not os.access(home.path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(home.path))
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {home.path} cannot be used: {error.strerror}. "
            "Set DOORSTEP_HOME to a folder that you may write to."
        ) from error
    return home


def kept_secret(path: Path) -> str:
    """The home's own secret key, from which what is kept sealed is sealed: made once, readable by its owner only."""
    file = open_home(path).path / "secret-key"
    with contextlib.suppress(FileExistsError), os.fdopen(os.open(file, _ONCE, 0o600), "w") as output:
        output.write(secrets.token_urlsafe(32))
    return file.read_text().strip()


def service_user(data: Path) -> str | None:
    """The account the servers must run as: None for oneself; for root the owner of `data`, else the service user."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid).pw_name
    if not _exists(SERVICE_USER):
        _create(SERVICE_USER)
    return SERVICE_USER


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _create(user: str) -> None:
    command = shutil.which("useradd") or "/usr/sbin/useradd"
    flags = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false"]
    try:
        outcome = subprocess.run([command, *flags, user], capture_output=True, text=True, check=False)
        problem = outcome.stderr.strip()
    except OSError as error:
        problem = f"{command}: {error.strerror}"
    if not _exists(user):  # another program may have made it at the same moment; then all is well
        raise ConfigurationError(
            f"PostgreSQL does not run as root, and the account {user!r} for it could not be made ({problem}). "
            "Run Doorstep as an ordinary user, or set DOORSTEP_DATABASE_URL and DOORSTEP_BROKER_URL."
        )
    log.info("made a system account for the embedded servers, because PostgreSQL refuses root", account=user)


def own(folder: Path, user: str | None) -> None:
    """Make `folder`, mode 0700, belonging to `user` (None: oneself), and let that user walk to it."""
    folder.mkdir(exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        let_through(folder)


def let_through(path: Path) -> None:
    """Add the right to pass (never to list or read) for others to each folder above `path` that lacks it."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            log.info("let other accounts pass through, not read, a folder", folder=str(folder))


def socket_folder(home: Home, user: str | None) -> Path:
    """A private folder whose name is short enough for a socket: in the home, else in /tmp with a link from the home."""
    remove_sockets(home)
    link = home.path / "sockets"
    if len(os.fsencode(link)) <= _LONGEST_SOCKET_FOLDER and _PLAIN.fullmatch(str(link)):
        own(link, user)
        return link
    short = Path(tempfile.mkdtemp(prefix="doorstep-", dir="/tmp"))
    link.symlink_to(short)
    own(short, user)
    return short


def remove_sockets(home: Home) -> None:
    """Remove the socket folder that the last run used."""
    link = home.path / "sockets"
    if link.is_symlink():
        shutil.rmtree(link.readlink(), ignore_errors=True)
        link.unlink()
    else:
        shutil.rmtree(link, ignore_errors=True)
