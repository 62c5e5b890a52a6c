"""SMTP: what is handed over, what each reply means, and where a lost connection leaves us; against a real server."""

import asyncio
import email
import email.policy
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiosmtpd import smtp as aiosmtpd

from app.channels.base import Asking
from app.channels.smtp import Smtp
from app.channels.smtp_lines import server_of
from app.errors import ConfigurationError, Unreadable
from app.models.vocabulary import AttemptOutcome
from tests.channels.letters import EMAIL, NOW, SMS
from tests.channels.letters import email as letter

ACCEPTED, REFUSED = AttemptOutcome.accepted, AttemptOutcome.refused
NOT_SENT, UNANSWERED = AttemptOutcome.not_sent, AttemptOutcome.unanswered


class Keeper:
    """An aiosmtpd handler that keeps what it takes, and says at each step what it was told to say."""

    def __init__(self, **replies: str) -> None:
        self.replies = replies
        self.taken: list = []
        self.connections = 0
        self.hang_up_at: str | None = None

    def _say(self, server, step: str, default: str) -> str:
        if self.hang_up_at == step:
            self.hang_up_at = None
            server.transport.abort()
        return self.replies.get(step, default)

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self._say(server, "mail", "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options):
        envelope.rcpt_tos.append(address)
        return self._say(server, "rcpt", "250 OK")

    async def handle_DATA(self, server, session, envelope):
        said = self._say(server, "data", "250 OK queued")
        if said.startswith("250"):
            self.taken.append(envelope)
        return said


class PlainServer(aiosmtpd.SMTP):
    """aiosmtpd's protocol, with a wire to each open session so that a test can cut it."""

    sessions: list

    def connection_made(self, transport):
        super().connection_made(transport)
        self.sessions.append(self)


@asynccontextmanager
async def serving(keeper: Keeper, **options):
    """A server on loopback, the channel that uses it, and the server's open sessions."""
    sessions: list = []

    def session():
        made = PlainServer(keeper, hostname="mail.example", loop=asyncio.get_running_loop(), **options)
        made.sessions = sessions
        return made

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    channel = Smtp(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", now=lambda: NOW)
    try:
        yield channel, sessions
    finally:
        await channel.aclose()
        server.close()
        await server.wait_closed()
        for made in sessions:
            if made.transport is not None:
                made.transport.abort()
        await asyncio.sleep(0)


def handed_over(outgoing=EMAIL, keeper: Keeper | None = None, times: int = 1, **options):
    """The last verdict of sending this, and what the server kept."""
    keeper = keeper or Keeper()

    async def scene():
        async with serving(keeper, **options) as (channel, _):
            return [await channel.send(outgoing) for _ in range(times)]

    return asyncio.run(scene())[-1], keeper


def read(envelope):
    content = envelope.original_content or envelope.content
    return email.message_from_bytes(content, policy=email.policy.default)


def written(message) -> str:
    """The plain text as its author broke its lines."""
    return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


def test_a_message_arrives_as_text_and_html_with_our_id():
    """Both parts, every header, and a Message-ID that carries the attempt."""
    verdict, keeper = handed_over()
    assert (verdict.outcome, verdict.http_status) == (ACCEPTED, 250)
    (envelope,) = keeper.taken
    message = read(envelope)
    assert (envelope.mail_from, envelope.rcpt_tos) == (EMAIL.from_email, [EMAIL.to_email])
    assert message["Message-ID"] == verdict.provider_ref == f"<{EMAIL.attempt_id}@fjallhem.example>"
    assert message["Subject"] == EMAIL.subject
    assert message["To"].addresses[0].display_name == EMAIL.to_name
    assert message["From"].addresses[0].display_name == EMAIL.from_name
    assert message["Reply-To"] == EMAIL.reply_to
    assert message["Date"].datetime == NOW
    assert message["List-Unsubscribe"] == "<https://shop.example/p/abc>"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert written(message) == EMAIL.text
    assert message.get_body(("html",)).get_content().strip() == EMAIL.html


def test_a_letter_of_its_own_keeps_its_id_and_date():
    """However late it is tried, and by whichever call, the bytes are the letter's."""
    own = letter(letter_id="msg_5x", dated=NOW - timedelta(hours=3))
    verdict, keeper = handed_over(own, times=2)
    _, again = handed_over(letter(letter_id="msg_5x", dated=own.dated, attempt_id="att_of_another_call"))
    one, two, three = (taken.original_content or taken.content for taken in [*keeper.taken, *again.taken])
    assert one == two == three
    assert read(keeper.taken[0])["Message-ID"] == verdict.provider_ref == "<msg_5x@fjallhem.example>"
    assert read(keeper.taken[0])["Date"].datetime == own.dated


def test_only_seven_bits_leave():
    """Whatever a server on the way can do, the bytes pass; long lines and dots at their start survive."""
    text = "å\n.\n..\nFrom me\n" + "x" * 2000 + "\n"
    _, keeper = handed_over(letter(text=text, html="<p>ö</p>"))
    content = keeper.taken[0].original_content or keeper.taken[0].content
    assert max(content) < 128
    assert max(map(len, content.splitlines())) < 998
    assert written(read(keeper.taken[0])) == text


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hi\r\nBcc: evil@example.test\r\n\r\nbody"},
        {"to_name": "Anna\r\nBcc: evil@example.test"},
        {"from_name": "Shop\nBcc: evil@example.test"},
        {"headers": {"X-Note": "a\r\nBcc: evil@example.test"}},
        {"subject": "x\u2028Bcc: evil@example.test\x85Bcc: y"},
    ],
)
def test_no_text_can_become_a_header(changes):
    """A line break in any field stays inside its field."""
    _, keeper = handed_over(letter(**changes))
    (envelope,) = keeper.taken
    message = read(envelope)
    assert message["Bcc"] is None
    assert envelope.rcpt_tos == [EMAIL.to_email]
    assert len(list(message.iter_parts())) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"to_email": "anna@example.test>\r\nRCPT TO:<evil@example.test"},
        {"to_email": "anna@example.test, evil@example.test"},
        {"to_email": "Anna <anna@example.test>"},
        {"to_email": "anna"},
        {"to_email": ""},
        {"to_email": "a@b@c"},
        {"from_email": "shop"},
        {"reply_to": "no\nnewline@example.test"},
        {"headers": {"Bcc": "evil@example.test"}},
        {"headers": {"X-A\r\nBcc": "evil@example.test"}},
        {"headers": {"Content-Type": "text/plain", "": "x"}},
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_said(changes):
    """A bad address or header is this message's own fault, and no server hears of it."""
    verdict, keeper = handed_over(letter(**changes))
    assert verdict.outcome is REFUSED
    assert verdict.error
    assert keeper.connections == 0


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
@pytest.mark.parametrize(
    ("reply", "outcome", "down"),
    [
        ("421 Closing", NOT_SENT, False),
        ("450 Busy", NOT_SENT, False),
        ("452 Full", NOT_SENT, False),
        ("530 Login first", NOT_SENT, True),
        ("550 No such mailbox", REFUSED, False),
        ("552 Too large", REFUSED, False),
        ("554 Spam", REFUSED, False),
    ],
)
def test_every_reply_has_its_verdict(step, reply, outcome, down):
    """4xx may pass, 5xx will not, and a demand to log in is about the account."""
    verdict, keeper = handed_over(keeper=Keeper(**{step: reply}))
    assert (verdict.outcome, verdict.sender_down) == (outcome, down)
    assert verdict.http_status == int(reply[:3])
    assert keeper.taken == []


@pytest.mark.parametrize(("step", "outcome"), [("mail", NOT_SENT), ("rcpt", NOT_SENT), ("data", UNANSWERED)])
def test_a_lost_connection_is_judged_by_how_far_it_came(step, outcome):
    """Before DATA nothing was handed over; after it nobody knows."""
    keeper = Keeper()
    keeper.hang_up_at = step
    verdict, _ = handed_over(keeper=keeper)
    assert verdict.outcome is outcome


def test_no_server_is_not_sent():
    """Nobody listens: certainly not sent, and worth another try."""

    async def scene():
        async with serving(Keeper()) as (channel, _):
            pass
        return await channel.send(EMAIL)

    verdict = asyncio.run(scene())
    assert (verdict.outcome, verdict.sender_down) == (NOT_SENT, False)


def test_a_connection_is_used_again():
    """Ten messages cost one session."""
    _, keeper = handed_over(times=10)
    assert len(keeper.taken) == 10
    assert keeper.connections == 1


def test_a_stale_connection_is_replaced_without_a_trace():
    """A server that hung up on a resting session costs a new one, not a message and not a doubt."""

    async def scene(keeper):
        async with serving(keeper) as (channel, sessions):
            first = await channel.send(EMAIL)
            sessions[0].transport.abort()
            return first, await channel.send(letter(attempt_id="att_second"))

    keeper = Keeper()
    first, second = asyncio.run(scene(keeper))
    assert (first.outcome, second.outcome) == (ACCEPTED, ACCEPTED)
    assert (len(keeper.taken), keeper.connections) == (2, 2)


def test_a_session_that_dies_as_it_is_used_again_is_replaced_once():
    """The loss shows only at MAIL: nothing was handed over, so a new session may carry the message."""

    async def scene(keeper):
        async with serving(keeper) as (channel, _):
            await channel.send(EMAIL)
            keeper.hang_up_at = "mail"
            return await channel.send(letter(attempt_id="att_second"))

    keeper = Keeper()
    assert asyncio.run(scene(keeper)).outcome is ACCEPTED
    assert (len(keeper.taken), keeper.connections) == (2, 2)


def test_a_server_that_says_goodbye_to_a_resting_session_is_dialled_again():
    """A 421 in answer to the next MAIL is about the session, not the message."""

    class Weary(Keeper):
        async def handle_MAIL(self, server, session, envelope, address, options):
            said = await super().handle_MAIL(server, session, envelope, address, options)
            return "421 Idle for too long" if self.connections == 1 and self.taken else said

    _, keeper = handed_over(keeper=Weary(), times=2)
    assert (len(keeper.taken), keeper.connections) == (2, 2)


def test_many_at_once_share_few_connections():
    """A burst neither opens a session each nor loses one message."""

    async def scene(keeper):
        async with serving(keeper) as (channel, _):
            return await asyncio.gather(*(channel.send(letter(attempt_id=f"att_{n}")) for n in range(60)))

    keeper = Keeper()
    verdicts = asyncio.run(scene(keeper))
    assert {verdict.outcome for verdict in verdicts} == {ACCEPTED}
    assert len({read(envelope)["Message-ID"] for envelope in keeper.taken}) == len(keeper.taken) == 60
    assert keeper.connections <= 10


def test_a_call_that_is_cut_short_leaves_no_session_behind():
    """After the caller's deadline the half-used session is closed, and the next message is clean."""

    reached = asyncio.Event()

    class Slow(Keeper):
        slow = True

        async def handle_DATA(self, server, session, envelope):
            if self.slow:
                reached.set()
                await asyncio.sleep(60)
            return await super().handle_DATA(server, session, envelope)

    async def scene(keeper):
        async with serving(keeper) as (channel, _):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(None) as deadline:
                    sending = asyncio.ensure_future(channel.send(EMAIL))
                    await reached.wait()
                    deadline.reschedule(asyncio.get_running_loop().time())
                    await sending
            keeper.slow = False
            return await channel.send(letter(attempt_id="att_second"))

    keeper = Slow()
    assert asyncio.run(scene(keeper)).outcome is ACCEPTED
    assert keeper.connections == 2


def test_an_address_beyond_ascii_needs_a_server_that_takes_it():
    """A foreign domain is written in ASCII; a foreign mailbox is offered only where SMTPUTF8 is."""
    _, keeper = handed_over(letter(to_email="anna@bücher.example"))
    assert keeper.taken[0].rcpt_tos == ["anna@xn--bcher-kva.example"]
    verdict, keeper = handed_over(letter(to_email="åsa@example.test"), enable_SMTPUTF8=True)
    assert verdict.outcome is ACCEPTED
    assert keeper.taken[0].rcpt_tos == ["åsa@example.test"]
    verdict, keeper = handed_over(letter(to_email="åsa@example.test"))
    assert (verdict.outcome, keeper.taken) == (REFUSED, [])


def test_where_dsn_is_offered_the_envelope_carries_our_id():
    """The attempt id stands in ENVID, so that a bounce can be traced to it."""
    heard: list[str] = []
    over = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        in_data = False
        while raw := await reader.readline():
            line = raw.decode("ascii").strip("\r\n")
            if in_data and line != ".":
                continue
            heard.append(line)
            said = {"EHLO": "250-mail.example\r\n250 DSN", "DATA": "354 go on", "QUIT": "221 bye"}
            writer.write(f"{said.get(line.split()[0], '250 OK')}\r\n".encode())
            in_data = line == "DATA"
        writer.close()
        await writer.wait_closed()
        over.set()

    async def scene():
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        channel = Smtp(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", now=lambda: NOW)
        async with server:
            verdict = await asyncio.wait_for(channel.send(EMAIL), 60)
            await channel.aclose()
            await asyncio.wait_for(over.wait(), 60)
        return verdict

    verdict = asyncio.run(scene())
    assert verdict.outcome is ACCEPTED
    assert f"MAIL FROM:<{EMAIL.from_email}> ENVID={EMAIL.attempt_id} RET=HDRS" in heard
    assert f"RCPT TO:<{EMAIL.to_email}> NOTIFY=FAILURE" in heard


@pytest.mark.parametrize(("reply", "down"), [("535 Wrong", True), ("454 Later", False)])
def test_a_login_that_fails_is_about_the_account(reply, down):
    """A wrong password takes the sender out; a busy login server does not. Nothing was sent in either case."""

    class Guard(Keeper):
        async def handle_AUTH(self, server, session, envelope, arguments):
            return reply

    async def scene():
        keeper = Guard()
        async with serving(keeper, auth_required=False, auth_require_tls=False) as (channel, _):
            port = channel.sender.rpartition(":")[2]
            logged_in = Smtp(f"smtp://me:secret@127.0.0.1:{port}?starttls=never", now=lambda: NOW)
            return await logged_in.send(EMAIL)

    verdict = asyncio.run(scene())
    assert (verdict.outcome, verdict.sender_down) == (NOT_SENT, down)
    assert "secret" not in verdict.error


def test_encryption_that_is_required_and_not_offered_stops_everything():
    """A password never leaves in the clear because a server forgot STARTTLS."""

    async def scene(keeper):
        async with serving(keeper) as (channel, _):
            port = channel.sender.rpartition(":")[2]
            return await Smtp(f"smtp://me:secret@127.0.0.1:{port}", now=lambda: NOW).send(EMAIL)

    keeper = Keeper()
    verdict = asyncio.run(scene(keeper))
    assert verdict.outcome is NOT_SENT
    assert verdict.sender_down
    assert keeper.taken == []


def test_smtp_cannot_be_asked_and_sends_no_reports():
    """There is nobody to ask and nothing to verify."""
    channel = Smtp("smtp://mail.example")
    assert channel.asking is Asking.nothing
    with pytest.raises(Unreadable):
        channel.reports("", {}, b"")
    with pytest.raises(TypeError):
        asyncio.run(channel.send(SMS))


@pytest.mark.parametrize(
    ("url", "read_as"),
    [
        ("smtp://mail.example", ("mail.example", 587, None, None, False, None)),
        ("smtp://mail.example:25?starttls=never", ("mail.example", 25, None, None, False, False)),
        ("smtp://me:p%40ss@mail.example", ("mail.example", 587, "me", "p@ss", False, True)),
        ("smtps://me:pw@mail.example", ("mail.example", 465, "me", "pw", True, False)),
        ("smtp://me:pw@[::1]:2525?starttls=offered", ("::1", 2525, "me", "pw", False, None)),
    ],
)
def test_a_server_is_written_as_a_url(url, read_as):
    """Ports, passwords with odd characters and the wish for encryption."""
    server = server_of(url)
    assert (server.host, server.port, server.user, server.password, server.tls, server.starttls) == read_as
    assert "pw" not in repr(server)


@pytest.mark.parametrize(
    "url", ["mail.example", "http://mail.example", "smtp://", "smtp://mail:port", "smtp://mail.example?starttls=maybe"]
)
def test_a_url_that_cannot_be_read_is_refused_with_a_pattern(url):
    """The remedy is in the sentence; the password is not."""
    with pytest.raises(ConfigurationError, match="DOORSTEP_SMTP__URL"):
        server_of(url)
