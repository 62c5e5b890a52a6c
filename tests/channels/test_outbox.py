"""The outbox for development: messages as files, whole or not at all."""

import asyncio
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from app.channels.base import Answer, Question
from app.channels.outbox import Outbox
from app.errors import Unreadable
from app.models.vocabulary import AttemptOutcome
from tests.channels.letters import EMAIL, NOW, SMS, email


def outbox(folder: Path, kind: str) -> Outbox:
    return Outbox(folder / "outbox", kind, now=lambda: NOW)


def about(outgoing) -> Question:
    return Question(outgoing.attempt_id, outgoing, "", NOW, NOW + timedelta(seconds=10))


def test_an_email_becomes_a_file_that_mail_programs_open(tmp_path):
    """Subject, people and both texts stand in it; its name is the attempt's."""
    verdict = asyncio.run(outbox(tmp_path, "email").send(EMAIL))
    assert verdict.outcome is AttemptOutcome.accepted
    (path,) = (tmp_path / "outbox").iterdir()
    assert path.name == verdict.provider_ref == f"{EMAIL.attempt_id}.eml"
    message = message_from_bytes(path.read_bytes(), policy=default)
    assert message["Subject"] == EMAIL.subject and EMAIL.to_email in message["To"]
    assert {part.get_content_type() for part in message.walk()} >= {"text/plain", "text/html"}


def test_an_sms_becomes_a_text_file(tmp_path):
    """To whom, and what it says."""
    assert asyncio.run(outbox(tmp_path, "sms").send(SMS)).outcome is AttemptOutcome.accepted
    written = (tmp_path / "outbox" / f"{SMS.attempt_id}.txt").read_text()
    assert SMS.to_phone in written and SMS.text in written


def test_the_outbox_can_be_asked_by_the_files_name(tmp_path):
    """Found when the file lies there, absent when it does not, unclear without a folder to look into."""
    box = outbox(tmp_path, "email")
    assert asyncio.run(box.lookup(about(EMAIL))).answer is Answer.unclear
    asyncio.run(box.send(email(attempt_id="att_other")))
    assert asyncio.run(box.lookup(about(EMAIL))).answer is Answer.absent
    asyncio.run(box.send(EMAIL))
    assert asyncio.run(box.lookup(about(EMAIL))).provider_ref == f"{EMAIL.attempt_id}.eml"


def test_an_unfinished_file_is_no_message(tmp_path):
    """What a crash leaves behind goes under another name."""
    box = outbox(tmp_path, "email")
    folder = tmp_path / "outbox"
    folder.mkdir()
    (folder / f".{EMAIL.attempt_id}.eml").write_bytes(b"half")
    assert asyncio.run(box.lookup(about(EMAIL))).answer is Answer.absent


def test_a_folder_that_cannot_be_made_is_a_certain_no(tmp_path):
    """Nothing was written, so it can be tried again; a letter that cannot be written down never will be."""
    (tmp_path / "outbox").write_text("a file where the folder should be")
    verdict = asyncio.run(outbox(tmp_path, "email").send(EMAIL))
    assert (verdict.outcome, verdict.unreachable) == (AttemptOutcome.not_sent, True)
    refused = asyncio.run(outbox(tmp_path / "other", "email").send(email(to_email="nobody")))
    assert refused.outcome is AttemptOutcome.refused


def test_an_outbox_takes_its_own_kind_and_reports_nothing(tmp_path):
    """An SMS in the email folder is a mistake in the program."""
    with pytest.raises(TypeError):
        asyncio.run(outbox(tmp_path, "email").send(SMS))
    with pytest.raises(Unreadable):
        outbox(tmp_path, "email").reports("", {}, b"")
