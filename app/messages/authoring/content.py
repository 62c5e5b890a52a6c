"""What a WhatsApp message is made of: an approved template's ContentSid, and a filling for each of its variables.

The text itself stands at Twilio, where WhatsApp approved it; this file says which one it is for each brand, and what is
put into it. Source: twilio.com/docs/content/using-variables-with-content-api.
"""

from typing import Annotated

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.errors import in_words
from app.messages.authoring.bundle import Line, Source
from app.messages.authoring.plain_yaml import read_yaml
from app.messages.base import TemplateMissing
from app.messages.shelf import BadTemplate

MOST_VARIABLES = 30

ContentSid = Annotated[str, Field(pattern=r"^HX[0-9a-fA-F]{32}$")]
VariableName = Annotated[str, BeforeValidator(str), Field(pattern=r"^[A-Za-z0-9_]{1,32}$")]


class Content(BaseModel):
    """One file. `content` is the ContentSid, or one for each brand by key; `variables` are Jinja, by their name in
    the approved template (`1`, `2` and so on)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    content: ContentSid | dict[str, ContentSid]
    variables: dict[VariableName, Line] = Field(max_length=MOST_VARIABLES)


def read_content(source: Source) -> Content:
    """Raises BadTemplate naming the file, the field and the remedy."""
    try:
        return Content.model_validate(read_yaml(source.text))
    except yaml.YAMLError as error:
        raise BadTemplate(f"{source.label} is not YAML: {error}. Quote texts with braces.") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'file'}: {in_words(fault['msg'])}" for fault in error.errors()
        )
        remedy = "Write `content: HX…` (34 characters), or one for each brand, and `variables:` with a text for each."
        raise BadTemplate(f"{source.label}: {faults}. {remedy}") from error


def content_sid(content: Content, brand_key: str, source: Source) -> str:
    """The approved template of a brand. Raises TemplateMissing where this file names none for it."""
    sid = content.content if isinstance(content.content, str) else content.content.get(brand_key)
    if sid is None:
        raise TemplateMissing(
            f"{source.label}, content: there is no ContentSid for {brand_key!r}. Add `{brand_key}: HX…` there."
        )
    return sid
