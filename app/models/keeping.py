"""How long each column is kept, and what becomes of it then: the one table of retention, total over all columns.

Pruning and erasure are written from this table, and a test holds it against the models, so that a new column cannot
be forgotten. `docs/privacy.md` says the same to people.
"""

from collections.abc import Collection
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from app.models.base import Base


class Retention(StrEnum):
    """A class of rows or columns with a time of its own, `DOORSTEP_RETENTION__<NAME>` in days."""

    carrier_answers = "carrier_answers"
    receipt_batches = "receipt_batches"
    receipts = "receipts"
    inbound = "inbound"
    messages = "messages"
    orders = "orders"
    suppressions = "suppressions"


_R = Retention

DELETED: dict[str, Retention] = {
    "carrier_answers": _R.carrier_answers,
    "carrier_pushes": _R.carrier_answers,
    "enrolled_numbers": _R.carrier_answers,
    "receipt_batches": _R.receipt_batches,
}
"""Tables whose rows go as a whole: nothing counts or deduplicates by them once they have been read."""

BLANKED: dict[str, dict[Retention, str]] = {
    "orders": {_R.orders: "shopper_name email phone city postal_code items tags digest corrected"},
    "shipments": {_R.orders: "items notes problem last_answer"},
    "scans": {_R.orders: "description place"},
    "crossings": {_R.messages: "facts"},
    "decisions": {_R.messages: "inputs"},
    "messages": {_R.messages: "personal released subject detail"},
    "resends": {_R.messages: "why"},
    "attempts": {_R.messages: "error"},
    "receipts": {_R.receipts: "body detail"},
    "inbound_messages": {_R.inbound: "sender body"},
    "suppressions": {_R.suppressions: "address"},
    "unknown_codes": {_R.carrier_answers: "example"},
    "template_tests": {_R.messages: "address_digest"},
}
"""Columns that are emptied; their rows stay."""

STAYS: dict[str, str] = {
    # Whose order it was is gone by then; number, parcels and milestones are what deduplication and the audit need.
    "orders": "id public_id brand_id source number placed_at locale country zone zones zone_source currency total_minor"
    " promised_on cancelled_at erased_at erasing created_at updated_at",
    "shipments": "id public_id link_token brand_id order_id reference direction carrier carrier_guessed asked_of"
    " candidates tracking_number promised_on corrected ordered_at history_until cancelled_at unfollowed_at milestone"
    " milestone_at delivered_at delivery_doubted_at late_since eta_from eta_through eta_day service estimated_as_of"
    " next_poll_at poll_rank numbered_at watch_at last_heard_at last_polled_at poll_failures created_at",
    "tracking_ends": "shipment_id brand_id backwards",
    "scans": "id brand_id shipment_id digest source carrier code milestone written_time occurred_at zone_source"
    " moves mapping_id read_as heard_at retired_at",
    "estimates": "id brand_id shipment_id as_of heard_at starts_at ends_at day retired_at",
    "crossings": "id brand_id order_id shipment_id scope scope_id milestone occurrence cause anchor occurred_at"
    " crossed_at inputs retired_at",
    "decisions": "id brand_id crossing_id rule_set_version_id rule channel recipient_id fired reason detail decided_at",
    "messages": "id public_id brand_id order_id shipment_id crossing_id rule milestone channel recipient_id locale"
    " rule_set_version_id template_version_id template_edition priority state reason planned_at send_at expires_at"
    " quiet merge_until fallback_of ended_at"
    " pause_id lease_token lease_until open_attempt_id attempts tries provider provider_ref rendered_at created_at",
    "ledger_keys": "scope scope_id milestone occurrence channel recipient_id brand_id message_id decided_at",
    "attempts": "id public_id brand_id message_id number provider sender lease_token begun_at deadline_at settled_at"
    " outcome provider_ref http_status first_receipt_at asked_at asked_count ask_at conclusion resent",
    "resends": "id brand_id message_id after_attempt asked_at asked_by was_state was_reason was_ended_at"
    " readdressed open outcome",
    "receipts": "id provider event_key brand_id attempt_public_id provider_ref kind cause occurred_at received_at"
    " applied_at effect",
    "inbound_messages": "id brand_id provider event_key sender_digest recipient meaning order_id shipment_id"
    " received_at",
    "suppressions": "id brand_id channel address_digest kind scope provider receipt_id created_at lifted_at",
    "choices": "address_digest brand_id channel kind created_at",
    "claims": "id public_id brand_id shipment_id opened_at closed_at closed_by",
    # What was typed is emptied within the minute, when it is looked up, and the whole row goes after a day.
    "link_requests": "id brand_id number email address_digest network_digest asked_at answered_at",
    "link_mails": "order_id public_id brand_id begun_at provider outcome",
    "unknown_codes": "id brand_id carrier code count first_seen_at last_seen_at",
    # Of the shop, its people and the installation, not of a shopper.
    "brands": "id key name zone locale template_edition created_at",
    "api_keys": "id brand_id label prefix digest scopes created_at revoked_at last_used_at",
    "accounts": "id public_id email name role brand_ids password created_at disabled_at subject",
    "account_sessions": "id account_id digest csrf brand_id notice device network created_at seen_at ended_at",
    "account_factors": "account_id secret created_at confirmed_at last_step",
    "recovery_codes": "id account_id digest created_at used_at",
    "hook_calls": "path taken_at refused_at refusal",
    "account_links": "id digest purpose account_id made_by created_at expires_at used_at",
    "sign_in_tries": "id subject at",
    "audit_entries": "id at brand_id account_id key_id actor action subject before after",
    "rule_set_versions": "id brand_id digest content created_at",
    "rule_set_publications": "id brand_id rule_set_version_id number published_at published_by why replaced_at"
    " look_after",
    "rule_drafts": "id brand_id account_id content based_on revision saved_at",
    "rule_backtests": "id public_id brand_id started_by content days state done total result problem started_at"
    " seen_at ended_at",
    "template_versions": "id brand_id digest key channel locale parts created_at",
    "template_moves": "id brand_id message_id from_version_id to_version_id template_edition moved_by why moved_at",
    "template_tests": "id public_id brand_id key channel locale digest about asked_by asked_at provider outcome"
    " http_status",
    "template_texts": "id brand_id digest content created_at",
    "template_publications": "id brand_id number path template_text_id published_at published_by why replaced_at"
    " accepted",
    "template_drafts": "id brand_id path content based_on revision saved_at saved_by",
    "senders": "provider sender strikes resting_until why refused busy_until busy_times ask_free_at",
    "pace_lanes": "key free_at queues",
    "pauses": "id brand_id kind name why paused_by automatic since lifted_at lifted_by emptied_at",
    "rule_volumes": "brand_id rule bucket slot planned",
    "daily_counts": "brand_id day kind key slot planned",
    "event_counts": "id kind brand_id labels hour number folded",
    "incidents": "id public_id brand_id kind subject summary count opened_at last_seen_at closed_at",
    "alarm_notices": "id public_id incident_id stage route content created_at due_at leased_until tries problem told_at"
    " given_up_at",
    "audit_marks": "name before reached at",
    "carrier_budgets": "carrier free_at day spent",
    "carrier_health": "carrier state since until strikes struck_by failures fault detail faulted_at answered_at pace"
    " latencies throttles throttled_since salt credentials",
    "code_mappings": "id brand_id carrier code meaning before why mapped_by mapped_at ended_at ended_by ended_why"
    " refold_after",
    "installation": "id salt",
    "erasures": "id brand_id channel address_digest asked_at created_at",
    "pruning_marks": "retention upto",
}
"""Columns that are never taken away: they name no shopper."""


def blank(table: str, retentions: Collection[Retention] = tuple(Retention)) -> str:
    """The SET clause that empties a table's columns of these classes: NULL, or an empty value where NULL may not be."""
    names = [name for retention, listed in BLANKED[table].items() if retention in retentions for name in listed.split()]
    columns = Base.metadata.tables[table].c
    return ", ".join(f"{name} = {_nothing(columns[name])}" for name in names)


def _nothing(column: sa.Column[object]) -> str:
    if column.nullable:
        return "NULL"
    if isinstance(column.type, JSONB):
        return str(column.server_default.arg) if isinstance(column.server_default, sa.DefaultClause) else "'{}'"
    return "''"
