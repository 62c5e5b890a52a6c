"""A mail server that takes every letter and delivers none: SMTP (RFC 5321) as far as a sender needs it.

It offers neither encryption nor a login, so it must listen on this machine alone.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage

from app.demo.providers.journal import Accepted
from app.errors import ConfigurationError

MOST_BYTES = 20_000_000
_LONGEST_LINE = 1_000_000
_OFFERED = ("8BITMIME", "SMTPUTF8", f"SIZE {MOST_BYTES}")

Take = Callable[[Accepted], object]


@asynccontextmanager
async def listening(host: str, port: int, take: Take) -> AsyncIterator[int]:
    """Take letters, each handed to `take` before it is answered; yields the port. Raises ConfigurationError."""
    talks: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks[asyncio.current_task()] = writer
        try:
            await _Session(reader, writer, take).run()
        except (ConnectionError, ValueError):
            pass  # it has hung up, or sends a line without end
        finally:
            writer.close()
            talks.pop(asyncio.current_task(), None)

    try:
        server = await asyncio.start_server(converse, host, port, limit=_LONGEST_LINE)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be used for SMTP ({error.strerror}). Choose another with --smtp-port."
        ) from error
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        ended = [talk for talk in talks if talk is not None]
        for writer in talks.values():
            writer.transport.abort()
        await asyncio.gather(*ended)


class _Session:
    """One connection, which may carry many letters."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, take: Take) -> None:
        self._reader, self._writer, self._take = reader, writer, take
        self._sender: str | None = None
        self._recipients: list[str] = []

    async def run(self) -> None:
        """Answer commands until QUIT or until the other side hangs up."""
        await self._say("220 doorstep stand-in, delivers nothing")
        while line := await self._reader.readline():
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if verb.upper() == "QUIT":
                await self._say("221 bye")
                return
            await self._answer(verb.upper(), rest)

    async def _answer(self, verb: str, rest: str) -> None:
        if verb == "EHLO":
            await self._say("250-doorstep stand-in", *(f"250-{word}" for word in _OFFERED[:-1]), f"250 {_OFFERED[-1]}")
        elif verb == "MAIL":
            self._sender, self._recipients = _path(rest), []
            await self._say("250 ok")
        elif verb == "RCPT" and self._sender is not None:
            self._recipients.append(_path(rest))
            await self._say("250 ok")
        elif verb == "DATA" and self._recipients:
            await self._say("354 end with a dot on a line of its own")
            await self._letter()
        elif verb in ("MAIL", "RCPT", "DATA"):
            await self._say("503 not in this order")
        elif verb in ("HELO", "NOOP", "RSET"):
            self._sender, self._recipients = None, []
            await self._say("250 ok")
        else:
            await self._say("502 not known here")

    async def _letter(self) -> None:
        content = bytearray()
        while (line := await self._reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionError
            if len(content) <= MOST_BYTES:
                content += line[1:] if line.startswith(b".") else line
        if len(content) > MOST_BYTES:
            await self._say("552 too large")
            return
        for recipient in self._recipients:
            self._take(read(bytes(content), self._sender or "", recipient))
        self._sender, self._recipients = None, []
        await self._say("250 taken")

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()


def _path(rest: str) -> str:
    """The address of `FROM:<a@b> SIZE=1` or `TO:<a@b>`."""
    return rest.partition("<")[2].partition(">")[0]


def read(content: bytes, sender: str, recipient: str) -> Accepted:
    """A letter as the journal keeps it; one that cannot be read is kept as the text that it is."""
    letter = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    try:
        text, html = _body(letter, "plain"), _body(letter, "html")
        subject, from_name, to_name = str(letter["Subject"] or ""), _name(letter, "From"), _name(letter, "To")
        reply_to, ref = str(letter["Reply-To"] or ""), str(letter["Message-ID"] or "")
    except (MessageError, LookupError, ValueError):
        text, html = content.decode("utf-8", "replace"), ""
        subject, from_name, to_name, reply_to, ref = "", "", "", "", ""
    return Accepted(
        provider="smtp",
        channel="email",
        recipient=recipient,
        recipient_name=to_name,
        sender=sender,
        sender_name=from_name,
        reply_to=reply_to,
        attempt_id=ref.strip("<>").partition("@")[0],
        ref=ref,
        category="",
        subject=subject,
        text=text,
        html=html,
        extra={},
    )


def _body(letter: EmailMessage, kind: str) -> str:
    part = letter.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def _name(letter: EmailMessage, header: str) -> str:
    addresses: tuple[Address, ...] = letter[header].addresses if letter[header] else ()
    return addresses[0].display_name if addresses else ""
