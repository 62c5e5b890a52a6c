"""The nouns: tables, the vocabulary they are written in, and `facts`, the frozen picture rules and templates see."""

from app.models.accounts import (
    Account,
    AccountFactor,
    AccountLink,
    AccountSession,
    AuditEntry,
    RecoveryCode,
    Role,
    SignInTry,
)
from app.models.alarms import AlarmNotice, AuditMark, Incident
from app.models.base import Base, link_token, public_id
from app.models.brands import ApiKey, Brand, HookCall
from app.models.carriers import CarrierHealth
from app.models.consent import InboundMessage, ReceiptBatch, Suppression
from app.models.decisions import Crossing, Decision, RuleSetPublication, RuleSetVersion, TemplateVersion
from app.models.event_counts import EventCount
from app.models.messages import Attempt, DailyCount, LedgerKey, Message, PaceLane, Receipt, Sender
from app.models.orders import Estimate, Order, Shipment, TrackingEnd
from app.models.pauses import Pause, RuleVolume
from app.models.pushes import CarrierPush, EnrolledNumber
from app.models.resends import Resend
from app.models.rights import Erasure, Installation, PruningMark
from app.models.rule_drafts import BacktestState, RuleBacktest, RuleDraft
from app.models.scans import CarrierAnswer, CarrierBudget, CodeMapping, Scan, UnknownCode
from app.models.shoppers import Choice, Claim, LinkMail, LinkRequest
from app.models.template_trials import TemplateMove, TemplateTest
from app.models.templates import TemplateDraft, TemplatePublication, TemplateText

__all__ = [
    "Account",
    "AccountFactor",
    "AccountLink",
    "AccountSession",
    "AlarmNotice",
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "AuditMark",
    "BacktestState",
    "Base",
    "Brand",
    "CarrierAnswer",
    "CarrierBudget",
    "CarrierHealth",
    "CarrierPush",
    "Choice",
    "Claim",
    "CodeMapping",
    "Crossing",
    "DailyCount",
    "Decision",
    "EnrolledNumber",
    "Erasure",
    "Estimate",
    "EventCount",
    "HookCall",
    "InboundMessage",
    "Incident",
    "Installation",
    "LedgerKey",
    "LinkMail",
    "LinkRequest",
    "Message",
    "Order",
    "PaceLane",
    "Pause",
    "PruningMark",
    "Receipt",
    "ReceiptBatch",
    "RecoveryCode",
    "Resend",
    "Role",
    "RuleBacktest",
    "RuleDraft",
    "RuleSetPublication",
    "RuleSetVersion",
    "RuleVolume",
    "Scan",
    "Sender",
    "Shipment",
    "SignInTry",
    "Suppression",
    "TemplateDraft",
    "TemplateMove",
    "TemplatePublication",
    "TemplateTest",
    "TemplateText",
    "TemplateVersion",
    "TrackingEnd",
    "UnknownCode",
    "link_token",
    "public_id",
]
