"""The mail to a participant, as plain text and as HTML that reads well on a phone, in the dark and in Outlook.

The layout is MJML, compiled once a process; Jinja2 puts the words in, escaped in the HTML and as they are in the text.
"""

from dataclasses import fields
from datetime import date
from functools import cache

import mrml
from jinja2 import Environment, StrictUndefined, Template

from services.reporting.core.documents import MailWords, RenderedMail
from services.reporting.rendering.dates import shown_date
from services.reporting.rendering.glyphs import TEMPLATES, visible


def plan_mail(mail: MailWords) -> RenderedMail:
    """The mail's two bodies. They name no score, comment or goal."""
    words = {field.name: _shown(getattr(mail, field.name)) for field in fields(mail)}
    return RenderedMail(text=_text().render(words), html=_html().render(words))


def _shown(value: object) -> object:
    if isinstance(value, date):
        return shown_date(value)
    return " ".join(visible(value).split()) if isinstance(value, str) else value


@cache
def _text() -> Template:
    source = (TEMPLATES / "plan_mail.txt").read_text(encoding="utf-8")
    environment = Environment(  # noqa: S701  plain text: there is nothing to escape
        undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(source)


@cache
def _html() -> Template:
    layout = mrml.to_html((TEMPLATES / "plan_mail.mjml").read_text(encoding="utf-8"))
    return Environment(undefined=StrictUndefined, autoescape=True).from_string(layout.content)
