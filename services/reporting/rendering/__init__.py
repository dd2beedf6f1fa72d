"""Documents made readable: plans and cohort reports as PDF, plans as pictures, the mail as text and HTML.

The words come from `core.documents`, the layout from `templates/`; here they meet. `pdf` sets pages with typst, `mail`
fills the mail, `glyphs` makes what people wrote safe to draw.
"""

from services.reporting.rendering.mail import plan_mail
from services.reporting.rendering.pdf import cohort_report_pdf, plan_pages_png, plan_pdf

__all__ = ["cohort_report_pdf", "plan_mail", "plan_pages_png", "plan_pdf"]
