"""What a provider's report makes of a message: one total table of state × report, blind to their order."""

from app.models.vocabulary import MessageState, Reason

_S = MessageState

# How much a report is worth: a later, better one wins; the order of arrival does not matter. A bounce that
# comes after "delivered" is the truth (the receiving server changed its mind), and "delivered" after a bounce
# is the same pair of reports the other way round.
_RANK: dict[MessageState, int] = {_S.accepted: 1, _S.delivered: 2, _S.bounced: 3}

_MEANS: dict[str, MessageState | None] = {
    "accepted": _S.accepted,
    "deferred": _S.accepted,  # the provider has it and keeps trying
    "delivered": _S.delivered,
    "bounced": _S.bounced,
    "dropped": _S.bounced,  # taken from us, then not sent on: a suppressed or invalid address
    "complained": _S.delivered,  # nobody complains about a mail they did not get
    "opened": _S.delivered,
    "machine_opened": _S.delivered,
    "clicked": _S.delivered,
    "other": None,
}


def outcome(state: MessageState, kind: str) -> tuple[MessageState, Reason] | None:
    """The state and reason that a message takes on when a report of `kind` comes in, or None for no change.

    Whatever the engine believed before, a report proves that the provider took the message: even one that had
    been given up as ambiguous, was about to be tried again, or was withheld after a first try that seemed to
    have failed. A report names an attempt, so a message that was never handed over cannot get one.
    """
    meant = _MEANS.get(kind)
    if meant is None:
        return None
    if _RANK.get(state, 0) >= _RANK[meant]:
        return None
    return meant, Reason.bounced if meant is _S.bounced else Reason.confirmed_by_receipt


def is_evidence(kind: str) -> bool:
    """Whether a report shows that the provider has the message."""
    return _MEANS.get(kind) is not None
