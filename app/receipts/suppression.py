"""Which report writes which suppression, and what each suppression holds back.

Pure. Order mail is what a shopper bought; nothing but an address that is dead, or a person who said no to everything,
keeps it back. A "no" to advertisements never does.
"""

from app.models.vocabulary import SuppressionKind, SuppressionScope

_K, _S = SuppressionKind, SuppressionScope

# What a provider says of an address, in the words of `channels.base.CAUSES`, whichever report it comes with.
_WRITES: dict[str, SuppressionKind] = {
    "hard": _K.bounce,
    "soft": _K.block,
    "invalid": _K.invalid,
    "complained": _K.complaint,
    "opted_out": _K.stop,
    "unsubscribed": _K.unsubscribe,
}
_LIFTS: dict[str, SuppressionKind] = {"resubscribed": _K.unsubscribe}

_REACH: dict[SuppressionKind, SuppressionScope] = {
    _K.bounce: _S.all,
    _K.invalid: _S.all,
    _K.complaint: _S.all,
    _K.stop: _S.all,
    _K.manual: _S.all,
    _K.block: _S.marketing,  # a full mailbox or a wary server: it passes, and the parcel's news must not wait for it
    _K.unsubscribe: _S.marketing,
}

_WORDS: dict[SuppressionKind, str] = {
    _K.bounce: "an earlier message came back for good",
    _K.block: "an earlier message was turned away for the time being",
    _K.complaint: "the shopper reported a message as spam",
    _K.stop: "the shopper opted out of text messages",
    _K.unsubscribe: "the shopper unsubscribed from advertisements",
    _K.invalid: "the provider knows no such address",
    _K.manual: "it was put on the list by hand",
}


def written_by(kind: str, cause: str | None) -> SuppressionKind | None:
    """The suppression that a report of `kind` with `cause` writes, or None. A complaint needs no cause."""
    if cause is not None:
        return _WRITES.get(cause)
    return _K.complaint if kind == "complained" else None


def lifted_by(cause: str | None) -> SuppressionKind | None:
    """The suppression that a report with `cause` lifts, or None."""
    return _LIFTS.get(cause or "")


def reach(kind: SuppressionKind) -> SuppressionScope:
    """What a suppression of this kind holds back unless a person says otherwise."""
    return _REACH[kind]


def holds_back(scope: SuppressionScope, *, marketing: bool) -> bool:
    """Whether a standing suppression keeps a message from leaving; `marketing`: it was not ordered by the shopper."""
    return scope is _S.all or marketing


def in_words(kind: SuppressionKind) -> str:
    """Why the address is not written to, as the end of a sentence."""
    return _WORDS[kind]
