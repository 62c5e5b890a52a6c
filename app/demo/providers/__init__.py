"""A stand-in for SendGrid and Twilio: it checks requests strictly, keeps a journal, reports back, and can misbehave.

    with serve(Account(), journal=folder) as stand_in:
        stand_in.url, stand_in.environment()      # where it is, and what tells Doorstep to use it
        stand_in.journal.entries                  # what shoppers would have received, in order
        stand_in.behave(twilio=Manners(accept_then_drop=0.1))

`python -m app.demo.providers --help` does the same for a person. It is served by aiohttp and not by an ASGI server,
because a provider that accepts and then drops the connection needs the connection in its hands.
"""

from app.demo.providers.account import Account
from app.demo.providers.behaviour import Act, Behaviour, CallbackManners, Manners, RecordManners, Rule
from app.demo.providers.journal import Entry, Journal
from app.demo.providers.serving import StandIn, serve

__all__ = [
    "Account",
    "Act",
    "Behaviour",
    "CallbackManners",
    "Entry",
    "Journal",
    "Manners",
    "RecordManners",
    "Rule",
    "StandIn",
    "serve",
]
