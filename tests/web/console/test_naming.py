"""What the console calls what the engine knows by a key."""

from app.web.console.naming import carrier_name, channel_name, language_name, provider_name


def test_keys_are_called_by_their_names():
    """Carriers, providers, channels and languages are read by people, not by programs."""
    assert (carrier_name("dhl"), carrier_name("laposte")) == ("DHL", "La Poste")
    assert (provider_name("sendgrid"), channel_name("sms")) == ("SendGrid", "SMS")
    assert (language_name("sv-SE"), language_name("nl")) == ("Swedish (Sweden)", "Dutch")


def test_what_nobody_named_is_called_as_it_is_written():
    """A carrier of the shop's own, and a language tag that is none."""
    assert carrier_name("Bodils Bud") == "Bodils Bud"
    assert language_name("not a tag") == "not a tag"
