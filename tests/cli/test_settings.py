"""The settings file: what counts, what is refused and where, and what is told of it without a secret."""

import json
import os
import stat

import pytest

from app.errors import ConfigurationError
from app.settings import SendMode, load_settings
from app.settings.file import settings_file
from tests.cli.test_commands import run


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes the `doorstep.env` of the folder that commands are run in; closed to others."""
    monkeypatch.delenv("DOORSTEP_SETTINGS_FILE")
    monkeypatch.chdir(tmp_path)

    def write_file(text: str, name: str = "doorstep.env"):
        file = tmp_path / name
        file.write_text(text)
        file.chmod(0o600)
        return file

    return write_file


def test_the_file_is_read_and_the_environment_wins(write, monkeypatch):
    """Groups are put together from both; quotation marks, comments and `export` are as in a shell, $ is a sign."""
    write(
        "# the shop's\n\nexport DOORSTEP_SEND=live # at last\nDOORSTEP_TWILIO__FROM='+46700000000'\n"
        'DOORSTEP_TWILIO__AUTH_TOKEN="a\\"b$HOME#c"\ndoorstep_secret_key = words#of many\n'
        "DOORSTEP_OIDC__NAME=The shop's own\nDOORSTEP_CARRIERS__DHL__API_KEY=of-the-file\n"
    )
    monkeypatch.setenv("DOORSTEP_CARRIERS__DHL__REQUESTS_PER_SECOND", "3")
    monkeypatch.setenv("DOORSTEP_SEND", "shadow")
    found = load_settings()
    assert (found.send, found.twilio.sender) == (SendMode.shadow, "+46700000000")
    assert found.twilio.auth_token.get_secret_value() == 'a"b$HOME#c'
    assert found.secret_key.get_secret_value() == "words#of many"
    assert found.oidc.name == "The shop's own"
    dhl = found.carriers["dhl"]
    assert (dhl.api_key.get_secret_value(), dhl.requests_per_second) == ("of-the-file", 3)
    assert "public_url" not in found.model_fields_set


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("DOORSTEP_SENDD=live", "DOORSTEP_SENDD is no setting. Did you mean DOORSTEP_SEND?"),
        ("DOORSTEP_SENDGRID__APIKEY=s3cret", "Did you mean DOORSTEP_SENDGRID__API_KEY?"),
        ("DOORSTEP_CARRIERS__DHL__API_KEZ=s3cret", "Did you mean DOORSTEP_CARRIERS__DHL__API_KEY?"),
        ("DOORSTEP_SENDING__BATCH=s3cret", "DOORSTEP_SENDING__BATCH: Input should be a valid integer"),
        ("DOORSTEP_TWILIO__PACE__SWEDEN=1", "DOORSTEP_TWILIO__PACE: "),
        ("SECRET_KEY=s3cret", "SECRET_KEY is no setting of Doorstep. They begin with DOORSTEP_."),
        ("send s3cret live", "no setting. Write NAME=value"),
        ("DOORSTEP_SECRET_KEY='s3cret", "the quotation mark of DOORSTEP_SECRET_KEY is not closed"),
        ("DOORSTEP_SEND=shadow", "DOORSTEP_SEND stands in line 1 too"),
        ("DOORSTEP_SETTINGS_FILE=other", "DOORSTEP_SETTINGS_FILE is no setting"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(write, line, said):
    """And with the remedy; never with its value."""
    write(f"DOORSTEP_SEND=live\n\n{line}\n")
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert "doorstep.env, line 3: " in str(refused.value) and said in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_another_file_is_named_or_none(write, monkeypatch):
    """A name that leads nowhere is an error; an empty one is no file."""
    other = write("DOORSTEP_SEND=live\n", "other.env")
    write("DOORSTEP_SEND=allowlist\n")
    assert load_settings().send is SendMode.allowlist
    monkeypatch.setenv("DOORSTEP_SETTINGS_FILE", str(other))
    assert load_settings().send is SendMode.live
    monkeypatch.setenv("DOORSTEP_SETTINGS_FILE", "")
    assert load_settings().send is SendMode.shadow
    monkeypatch.setenv("DOORSTEP_SETTINGS_FILE", str(other) + "x")
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_settings()


def test_settings_are_shown_with_their_place_and_without_secrets(write, monkeypatch):
    """Those that are told, or all; a file that others read is seen."""
    file = write("DOORSTEP_SEND=live\nDOORSTEP_SMTP__URL=smtp://u:s3cret@mail.example\nDOORSTEP_SECRET_KEY=\n")
    monkeypatch.setenv("DOORSTEP_PUBLIC_URL", "https://shop.example")
    monkeypatch.setenv("DOORSTEP_SENDD", "live")
    code, text, _ = run("settings", "check")
    assert code == 0 and "s3cret" not in text
    for told in (
        "DOORSTEP_SEND=live  # doorstep.env, line 1",
        "DOORSTEP_SMTP__URL=(set)  # doorstep.env, line 2",
        "DOORSTEP_SECRET_KEY=(not set)  # doorstep.env, line 3",
        "DOORSTEP_PUBLIC_URL=https://shop.example  # environment",
    ):
        assert told in text
    everything = json.loads(run("settings", "--all", "--json")[1])
    shown = {one["name"]: (one["value"], one["source"]) for one in everything["settings"]}
    assert everything["file"] == "doorstep.env"
    assert shown["DOORSTEP_CHANNELS__EMAIL"] == ("sendgrid", "as it ships")
    assert shown["DOORSTEP_SENDGRID__API_KEY"] == ("(not set)", "as it ships")
    assert settings_file().seen_by_others is False
    file.chmod(0o644)
    assert settings_file().seen_by_others is True


def test_the_stand_ins_settings_are_written_once(write, tmp_path):
    """Into a file that only its owner reads, which then connects every command; never over another."""
    code, text, _ = run("stand-ins", "--write", "doorstep.env")
    assert code == 0 and "Every command" in text
    assert stat.S_IMODE(os.stat("doorstep.env").st_mode) == 0o600
    assert load_settings().carriers["dhl"].base_url == "http://127.0.0.1:8090"
    code, _, error = run("stand-ins", "--write", "doorstep.env")
    assert code and "cannot be written: File exists" in error
