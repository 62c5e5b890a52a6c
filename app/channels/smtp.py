"""Email through any SMTP server: how a message is handed over and what each reply means (RFC 5321, 3461, 6531)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import aiosmtplib

from app.channels.allowances import Lane, request_lane
from app.channels.answers import problem
from app.channels.base import Asking, Finding, Outgoing, OutgoingEmail, Question, Report, Verdict, cannot_be_asked
from app.channels.smtp_letter import BadLetter, Letter, compose
from app.channels.smtp_lines import Line, Lines, server_of
from app.clock import wall_now
from app.errors import Forged, Unreadable
from app.models.vocabulary import AttemptOutcome

_ACCOUNT_CODES = frozenset({530, 534, 535, 538})
"""Replies that are about who we are and not about this message (RFC 4954 section 6)."""


@dataclass(slots=True)
class _Progress:
    """How far a hand-over came: once `data` is set, a lost connection proves nothing."""

    greeted: bool = False
    data: bool = False


_NO_SUCH_MAILBOX = re.compile(r"5\.1\.(1|2|3|6|10)\b")


class Smtp:
    """One SMTP server, written as a URL: `smtp://user:password@host:587` or `smtps://…:465`.

    `?starttls=` is `required` (the default with a password), `offered` (the default without) or `never`.
    Raises ConfigurationError when the URL cannot be read.
    """

    name = "smtp"
    kind = "email"
    asking = Asking.nothing
    silence_tells = False
    asking_pause = 0.0

    def __init__(self, url: str, *, per_second: float | None = None, now: Callable[[], datetime] = wall_now) -> None:
        server = server_of(url)
        self.sender = f"{server.user or 'anyone'}@{server.host}:{server.port}"
        self._lines = Lines(server)
        self._lanes = request_lane(self.name, self.sender, per_second)
        self._now = now

    async def send(self, outgoing: Outgoing) -> Verdict:
        """One hand-over, on a connection that may have carried others. Raises TypeError for anything but an email."""
        if not isinstance(outgoing, OutgoingEmail):
            raise TypeError(f"SMTP carries email, not {type(outgoing).__name__}")
        try:
            letter = compose(outgoing, self._now())
        except BadLetter as error:
            return Verdict(AttemptOutcome.refused, error=problem(str(error)))
        try:
            async with self._lines.turn():
                return await self._hand_over(letter)
        except TimeoutError:
            return Verdict(AttemptOutcome.not_sent, error="All connections to the server are busy.", untried=True)

    def lanes(self, outgoing: Outgoing) -> tuple[Lane, ...]:
        """The server's own limit, where it is told of one."""
        return self._lanes

    async def _hand_over(self, letter: Letter) -> Verdict:
        progress = _Progress()
        line: Line | None = None
        try:
            line = await self._ready(letter, progress)
            await line.client.rcpt(letter.recipient, options=_notify(line), encoding=_encoding(letter))
            progress.data = True
            reply = await line.client.data(letter.content)
        except BadLetter as error:
            verdict = Verdict(AttemptOutcome.refused, error=problem(str(error)))
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            verdict = judge(error, data=progress.data, greeted=progress.greeted)
            if line is not None and _session_stands(error):
                line.soiled = True
        except BaseException:
            # Cancelled in the middle: nobody knows what the server still has in its buffer.
            if line is not None:
                line.client.close()
            raise
        else:
            verdict = Verdict(AttemptOutcome.accepted, provider_ref=letter.message_id, http_status=reply.code)
        if line is not None:
            self._lines.give_back(line, usable=line.soiled or verdict.outcome is AttemptOutcome.accepted)
        return verdict

    async def _ready(self, letter: Letter, progress: _Progress) -> Line:
        """A connection on which MAIL was taken. One that went stale while it rested is replaced, once: nothing of
        the message had been handed over."""
        for line_at in (self._lines.take, self._lines.open):
            progress.greeted = False
            line = await line_at()
            progress.greeted = True
            try:
                await _mail(line, letter)
            except aiosmtplib.SMTPException as error:
                line.soiled = _session_stands(error)
                self._lines.give_back(line, usable=line.soiled)
                if not (line.rested and _gone(error)):
                    raise
            except BaseException:
                line.client.close()
                raise
            else:
                return line
        raise aiosmtplib.SMTPServerDisconnected("A new connection was lost at once.")

    async def lookup(self, question: Question) -> Finding:
        """No server tells what it took."""
        return cannot_be_asked("SMTP")

    def reports(self, url: str, headers: Mapping[str, str], body: bytes) -> list[Report]:
        """SMTP servers report by mail to the sender's address, never here."""
        return self.read(url, body)

    def verify(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """No request can come from an SMTP server."""
        raise Forged("An SMTP server sends no reports over HTTP.")

    def read(self, url: str, body: bytes) -> list[Report]:
        """Nothing is ever believed, so there is nothing to read."""
        raise Unreadable("An SMTP server sends no reports over HTTP.")

    async def aclose(self) -> None:
        """Say goodbye on every resting connection."""
        await self._lines.close()


def _gone(error: aiosmtplib.SMTPException) -> bool:
    """Whether a session had ended before the message was named: silently, or with the 421 of a server at rest."""
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else None
    return code == 421 or isinstance(error, aiosmtplib.SMTPServerDisconnected | aiosmtplib.SMTPTimeoutError)


def _session_stands(error: Exception) -> bool:
    """Whether a server refused one message and goes on listening: the next one may use the session, after RSET."""
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else 0
    return 400 <= code < 600 and code not in {421, *_ACCOUNT_CODES}


async def _mail(line: Line, letter: Letter) -> None:
    if line.soiled:
        try:
            await line.client.rset()
        except aiosmtplib.SMTPException as error:  # no fault of this message's: a new session carries it
            raise aiosmtplib.SMTPServerDisconnected("The session could not be cleared.") from error
        line.soiled = False
    options = [f"ENVID={letter.attempt_id}", "RET=HDRS"] if line.client.supports_extension("dsn") else []
    if letter.international:
        if not line.client.supports_extension("smtputf8"):
            raise BadLetter("The address has letters beyond ASCII, and the server does not take such addresses.")
        options.append("SMTPUTF8")
    await line.client.mail(letter.sender, options=options, encoding=_encoding(letter))


def _notify(line: Line) -> list[str]:
    return ["NOTIFY=FAILURE"] if line.client.supports_extension("dsn") else []


def _encoding(letter: Letter) -> str:
    return "utf-8" if letter.international else "ascii"


def _cause(error: Exception) -> str | None:
    """What a server's last word says of the recipient: only that there is no such mailbox (RFC 3463, 5.1.x)."""
    named = isinstance(error, aiosmtplib.SMTPRecipientRefused) and _NO_SUCH_MAILBOX.match(error.message.strip())
    return "hard" if named else None


def judge(error: Exception, *, data: bool, greeted: bool) -> Verdict:
    """What a failed hand-over means. `data`: the message had begun to leave. `greeted`: a session stood."""
    said = problem(f"{type(error).__name__}: {error}")
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else None
    if not greeted:
        # Before any message was named: no server, no TLS, no login. Only a 4xx or a silence may pass by itself.
        # aiosmtplib says "no STARTTLS" with its bare base class.
        unable = isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException
        down = unable or (code is not None and code >= 500)
        return Verdict(AttemptOutcome.not_sent, http_status=code, error=said, sender_down=down, unreachable=not down)
    if code in _ACCOUNT_CODES:
        return Verdict(AttemptOutcome.not_sent, http_status=code, error=said, sender_down=True)
    if code is not None and 400 <= code < 500:
        return Verdict(AttemptOutcome.not_sent, http_status=code, error=said)
    if code is not None and 500 <= code < 600:
        return Verdict(AttemptOutcome.refused, http_status=code, error=said, cause=_cause(error))
    if data:
        return Verdict(AttemptOutcome.unanswered, http_status=code, error=said)
    if isinstance(error, ValueError):
        return Verdict(AttemptOutcome.refused, error=said)
    return Verdict(AttemptOutcome.not_sent, http_status=code, error=said)
