"""SMTP sessions: encrypted from the start or by STARTTLS, proved by a certificate, and used again after a refusal."""

import asyncio
import ipaddress
import ssl
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.channels.smtp import Smtp
from app.models.vocabulary import AttemptOutcome
from tests.channels.letters import EMAIL, NOW
from tests.channels.letters import email as letter
from tests.channels.test_smtp import Keeper, PlainServer, serving

ACCEPTED, REFUSED = AttemptOutcome.accepted, AttemptOutcome.refused
NOT_SENT, UNANSWERED = AttemptOutcome.not_sent, AttemptOutcome.unanswered


class Counted(Keeper):
    """Counts each command, refuses the recipients of some domains, and RSET if told to."""

    def __init__(self, **replies: str) -> None:
        super().__init__(**replies)
        self.commands: Counter[str] = Counter()

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.commands["RCPT"] += 1
        domain = address.partition("@")[2]
        if domain in self.replies:
            return self.replies[domain]
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_RSET(self, server, session, envelope):
        self.commands["RSET"] += 1
        return self.replies.get("rset", "250 OK")

    async def handle_DATA(self, server, session, envelope):
        assert len(envelope.rcpt_tos) == 1, "nothing is left over from the message before"
        return await super().handle_DATA(server, session, envelope)


def in_turn(keeper: Keeper, *addresses: str, **options) -> list[AttemptOutcome]:
    """What becomes of one message to each address, one after the other on one channel."""

    async def scene():
        async with serving(keeper, **options) as (channel, _):
            return [
                (await channel.send(letter(to_email=address, attempt_id=f"att_{number}"))).outcome
                for number, address in enumerate(addresses)
            ]

    return asyncio.run(scene())


GOOD, DEAD, BUSY, CLOSING = "a@example.test", "b@dead.test", "c@busy.test", "d@closing.test"
REPLIES = {"dead.test": "550 5.1.1 No such mailbox", "busy.test": "451 Later", "closing.test": "421 Closing"}


def test_a_bad_recipient_does_not_poison_the_connection():
    """Refused and busy recipients among good ones: one session carries all, cleared once after each refusal."""
    keeper = Counted(**REPLIES)
    outcomes = in_turn(keeper, GOOD, DEAD, GOOD, BUSY, DEAD, GOOD)
    assert outcomes == [ACCEPTED, REFUSED, ACCEPTED, NOT_SENT, REFUSED, ACCEPTED]
    assert (keeper.connections, keeper.commands["RSET"], len(keeper.taken)) == (1, 3, 3)
    assert [envelope.rcpt_tos for envelope in keeper.taken] == [[GOOD]] * 3


@pytest.mark.parametrize("step", ["mail", "data"])
def test_a_message_that_is_refused_elsewhere_leaves_the_session_too(step):
    """At MAIL or after the text: the next message goes over the same session."""
    keeper = Counted(**{step: "552 Too large"})
    assert in_turn(keeper, GOOD, GOOD) == [REFUSED, REFUSED]
    assert (keeper.connections, keeper.commands["RSET"]) == (1, 1)


@pytest.mark.parametrize("said", ["421 Too many errors", "502 What?", "554 No"])
def test_a_session_that_cannot_be_cleared_costs_a_connection_and_no_message(said):
    """What the server says to RSET is no verdict on the next message."""
    keeper = Counted(**REPLIES, rset=said)
    assert in_turn(keeper, DEAD, GOOD, GOOD) == [REFUSED, ACCEPTED, ACCEPTED]
    assert (keeper.connections, keeper.commands["RSET"]) == (2, 1)


def test_a_server_that_closes_is_dialled_again():
    """421 to a recipient ends the session, not the channel."""
    keeper = Counted(**REPLIES)
    assert in_turn(keeper, CLOSING, GOOD) == [NOT_SENT, ACCEPTED]
    assert (keeper.connections, keeper.commands["RSET"]) == (2, 0)


def test_a_drop_in_the_middle_is_judged_alone():
    """Lost after the text was handed over: this one is in doubt, the one before and the one after are not."""

    async def scene(keeper):
        async with serving(keeper) as (channel, _):
            first = await channel.send(letter(attempt_id="att_1"))
            keeper.hang_up_at = "data"
            second = await channel.send(letter(attempt_id="att_2"))
            return first, second, await channel.send(letter(attempt_id="att_3"))

    keeper = Keeper()
    assert [verdict.outcome for verdict in asyncio.run(scene(keeper))] == [ACCEPTED, UNANSWERED, ACCEPTED]
    assert keeper.connections == 2


def test_where_dsn_is_not_offered_it_is_not_asked_for():
    """aiosmtpd knows no ENVID and would refuse the command."""
    keeper = Keeper()
    assert in_turn(keeper, GOOD) == [ACCEPTED]
    assert not any("ENVID" in option for option in keeper.taken[0].mail_options)


def certificate(folder: Path, name: str = "127.0.0.1", days: int = 1) -> ssl.SSLContext:
    """A server's side of TLS with a fresh certificate for `name`, which `folder/ca.pem` vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "ca.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context


class Encrypted(Keeper):
    """Keeps whether each message came in under TLS."""

    def __init__(self) -> None:
        super().__init__()
        self.under_tls: list[bool] = []

    async def handle_DATA(self, server, session, envelope):
        self.under_tls.append(server.transport.get_extra_info("sslcontext") is not None)
        return await super().handle_DATA(server, session, envelope)

    async def handle_AUTH(self, server, session, envelope, arguments):
        return "235 OK"


def over_tls(keeper: Keeper, context: ssl.SSLContext, url: str, times: int = 3) -> list:
    """Send so many messages to a server with this certificate; `url` has a place for its port."""
    implicit = url.startswith("smtps")

    async def scene():
        loop = asyncio.get_running_loop()
        sessions: list[PlainServer] = []

        def session():
            made = PlainServer(
                keeper, hostname="mail.example", loop=loop, tls_context=None if implicit else context,
                auth_required=False, auth_require_tls=False,
            )  # fmt: skip
            made.sessions = sessions
            return made

        server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if implicit else None)
        channel = Smtp(url.format(port=server.sockets[0].getsockname()[1]), now=lambda: NOW)
        try:
            return [await channel.send(EMAIL) for _ in range(times)]
        finally:
            await channel.aclose()
            server.close()
            await server.wait_closed()
            for made in sessions:
                if made.transport is not None:
                    made.transport.abort()
            await asyncio.sleep(0)

    return asyncio.run(scene())


@pytest.mark.parametrize(
    "url",
    [
        "smtps://127.0.0.1:{port}",
        "smtps://me:secret@127.0.0.1:{port}",
        "smtp://127.0.0.1:{port}?starttls=required",
        "smtp://127.0.0.1:{port}?starttls=offered",
        "smtp://me:secret@127.0.0.1:{port}",
    ],
)
def test_mail_leaves_encrypted_over_one_session(tmp_path, monkeypatch, url):
    """TLS from the start or by STARTTLS, with a login or without: three messages, one handshake."""
    context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    keeper = Encrypted()
    verdicts = over_tls(keeper, context, url)
    assert {verdict.outcome for verdict in verdicts} == {ACCEPTED}, verdicts
    assert keeper.under_tls == [True] * 3
    assert keeper.connections == (1 if url.startswith("smtps") else 2), "EHLO once more after STARTTLS"


def test_encryption_that_is_never_wanted_is_not_used(tmp_path):
    """`?starttls=never` is for a relay on this machine."""
    keeper = Encrypted()
    over_tls(keeper, certificate(tmp_path), "smtp://127.0.0.1:{port}?starttls=never")
    assert keeper.under_tls == [False] * 3


@pytest.mark.parametrize("url", ["smtps://127.0.0.1:{port}", "smtp://127.0.0.1:{port}?starttls=required"])
@pytest.mark.parametrize("fault", ["nobody vouches for it", "another name", "out of date"])
def test_a_certificate_that_proves_nothing_stops_everything(tmp_path, monkeypatch, url, fault):
    """Not sent, certainly: no address and no text is told to a server that may be anyone."""
    context = certificate(
        tmp_path, "127.0.0.2" if fault == "another name" else "127.0.0.1", -1 if "date" in fault else 1
    )
    if fault != "nobody vouches for it":
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    keeper = Encrypted()
    (verdict,) = over_tls(keeper, context, url, times=1)
    assert verdict.outcome is NOT_SENT
    assert verdict.error and "certificate" in verdict.error.lower()
    assert keeper.taken == []
