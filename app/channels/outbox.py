"""For development: each message becomes a file in `outbox/` under the home folder, named by its attempt."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from app.channels.answers import problem
from app.channels.base import (
    Answer,
    Asking,
    Finding,
    Outgoing,
    OutgoingEmail,
    OutgoingSms,
    OutgoingWhatsApp,
    Question,
    Report,
    Verdict,
    one_line,
    whole_text,
)
from app.channels.smtp_letter import BadLetter, compose
from app.clock import wall_now
from app.errors import Forged, Unreadable
from app.models.vocabulary import AttemptOutcome

_ENDINGS = {"email": "eml", "sms": "txt", "whatsapp": "json"}


class Outbox:
    """One folder. `kind` is what it takes: emails as `.eml`, which mail programs open, SMS as `.txt`,
    WhatsApp as `.json`."""

    name = "file"
    asking = Asking.lookup
    silence_tells = False
    asking_pause = 0.0

    def __init__(self, folder: Path, kind: str, *, now: Callable[[], datetime] = wall_now) -> None:
        self.kind = kind
        self.sender = f"{folder}#{kind}"
        self._folder = folder
        self._now = now

    async def send(self, outgoing: Outgoing) -> Verdict:
        """Write the file whole or not at all: it appears under its name only once it is complete."""
        try:
            content = self._content(outgoing)
        except BadLetter as error:
            return Verdict(AttemptOutcome.refused, error=problem(str(error)))
        path = self._path(outgoing.attempt_id)
        unfinished = path.with_name(f".{path.name}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            unfinished.write_bytes(content)
        except OSError as error:
            return Verdict(AttemptOutcome.not_sent, error=_said(error), unreachable=True)
        try:
            unfinished.replace(path)
        except OSError as error:
            return Verdict(AttemptOutcome.unanswered, error=_said(error))
        return Verdict(AttemptOutcome.accepted, provider_ref=path.name)

    async def lookup(self, question: Question) -> Finding:
        """Whether the file is there."""
        path = self._path(question.attempt_id)
        try:
            there = path in self._folder.iterdir()
        except OSError as error:
            return Finding(Answer.unclear, f"the outbox cannot be read: {_said(error)}")
        if there:
            return Finding(Answer.found, f"{path.name} lies in the outbox", path.name)
        return Finding(Answer.absent, f"{path.name} does not lie in the outbox")

    def reports(self, url: str, headers: Mapping[str, str], body: bytes) -> list[Report]:
        """A folder reports nothing."""
        return self.read(url, body)

    def verify(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """No request can come from a folder."""
        raise Forged("The outbox sends no reports.")

    def read(self, url: str, body: bytes) -> list[Report]:
        """Nothing is ever believed, so there is nothing to read."""
        raise Unreadable("The outbox sends no reports.")

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def _path(self, attempt_id: str) -> Path:
        return self._folder / f"{attempt_id}.{_ENDINGS[self.kind]}"

    def _content(self, outgoing: Outgoing) -> bytes:
        if isinstance(outgoing, OutgoingEmail) and self.kind == "email":
            return compose(outgoing, self._now()).content
        if isinstance(outgoing, OutgoingSms) and self.kind == "sms":
            sender = one_line(outgoing.sender or "")
            return f"To: {one_line(outgoing.to_phone)}\nFrom: {sender}\n\n{whole_text(outgoing.text)}\n".encode()
        if isinstance(outgoing, OutgoingWhatsApp) and self.kind == "whatsapp":
            said = {"to": outgoing.to_phone, "content_sid": outgoing.content_sid, "variables": dict(outgoing.variables)}
            return json.dumps(said, ensure_ascii=False, indent=1).encode("utf-8", "replace")
        raise TypeError(f"This outbox takes {self.kind}, not {type(outgoing).__name__}")


def _said(error: OSError) -> str:
    return problem(f"{type(error).__name__}: {error.strerror}")
