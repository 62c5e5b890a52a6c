"""WhatsApp through Twilio's Messages API: an approved template and what fills its variables, never a text of ours.

Sources: twilio.com/docs/whatsapp/api, .../docs/content/send-templates-created-with-the-content-template-builder and
.../docs/whatsapp/api/error-code-mapping.
"""

import json
from typing import Any

from app.channels.allowances import Lane, request_lane
from app.channels.base import Answer, Finding, Outgoing, OutgoingWhatsApp, Question, Verdict
from app.channels.pool import Pool
from app.channels.twilio import Twilio
from app.channels.twilio_records import conclude_content, look_up

PREFIX = "whatsapp:"


class TwilioWhatsApp(Twilio):
    """One WhatsApp sender (`+46…`, or a Messaging Service `MG…` with one in its pool); the rest is as for SMS."""

    kind = "whatsapp"

    def __init__(self, http: Pool, *, sender: str, **told: Any) -> None:
        number = sender.removeprefix(PREFIX)
        super().__init__(http, sender=number if number.startswith("MG") else f"{PREFIX}{number}", **told)
        # Its own name even where a service carries texts too: what is known of the one says nothing about the other.
        self.sender = f"{told['account_sid']}/{PREFIX}{number}"
        own = request_lane(self.name, self.sender, self._limits.whatsapp_per_second)
        self._own_lanes = (*self._calls, *own)

    async def send(self, outgoing: Outgoing) -> Verdict:
        """One `POST Messages.json`. Raises TypeError for anything but a WhatsApp message."""
        if not isinstance(outgoing, OutgoingWhatsApp):
            raise TypeError(f"This sender carries WhatsApp messages, not {type(outgoing).__name__}")
        return await self._create(self.content_form(outgoing))

    def content_form(self, message: OutgoingWhatsApp) -> dict[str, str]:
        """The form of one send. There is no Body: outside the day after a shopper wrote to us it is refused (63016)."""
        variables = json.dumps(dict(message.variables), ensure_ascii=False, separators=(",", ":"))
        sender = {"MessagingServiceSid" if self._from.startswith("MG") else "From": self._from}
        return {
            "To": f"{PREFIX}{message.to_phone}",
            "ContentSid": message.content_sid,
            "ContentVariables": variables,
            **sender,
            **self.terms(message.attempt_id, message.valid_for),
        }

    def lanes(self, outgoing: Outgoing) -> tuple[Lane, ...]:
        """The account's calls, and what the WhatsApp sender may carry."""
        return self._own_lanes

    async def lookup(self, question: Question) -> Finding:
        """Read the account's list of messages to that number, and look for what was put into the template."""
        message = question.outgoing
        if not isinstance(message, OutgoingWhatsApp):
            return Finding(Answer.unclear, "what it was filled with is not kept any more, so Twilio cannot be asked")
        return await look_up(
            self._records(),
            question,
            f"{PREFIX}{message.to_phone}",
            lambda listed, whole: conclude_content(question, message, listed, whole=whole),
        )
