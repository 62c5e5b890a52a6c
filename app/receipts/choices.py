"""Of which kind a message is, as shoppers choose: what its news means to them, not the milestone. Pure."""

from app.models.vocabulary import Milestone, NewsKind

_M, _K = Milestone, NewsKind

_KINDS: dict[Milestone, NewsKind] = {
    _M.registered: _K.on_its_way,
    _M.dispatched: _K.on_its_way,
    _M.in_transit: _K.on_its_way,
    _M.eta_changed: _K.on_its_way,
    _M.arriving_early: _K.on_its_way,
    _M.out_for_delivery: _K.arriving_today,
    _M.ready_for_pickup: _K.ready_to_collect,
    _M.pickup_expiring: _K.ready_to_collect,
    _M.delivered: _K.delivered,
    _M.all_delivered: _K.delivered,
    _M.attempt_failed: _K.problems,
    _M.exception: _K.problems,
    _M.delayed: _K.problems,
    _M.returning: _K.problems,
    _M.returned: _K.problems,
    _M.cancelled: _K.problems,
    _M.expired: _K.problems,
    _M.return_received: _K.returns,
}

_WORDS: dict[NewsKind, str] = {
    _K.on_its_way: "that it is on its way",
    _K.arriving_today: "that it arrives today",
    _K.ready_to_collect: "that it can be collected",
    _K.delivered: "that it was delivered",
    _K.problems: "of delays and problems",
    _K.returns: "of returns",
}


def kind_of(milestone: Milestone, direction: str) -> NewsKind:
    """The kind of news that a milestone is, of a parcel that goes to its shopper (`outbound`) or back (`return`)."""
    return NewsKind.returns if direction == "return" else _KINDS[milestone]


def kind_in_words(kind: NewsKind) -> str:
    """What the shopper does not want to be told, as the end of a sentence."""
    return _WORDS[kind]
