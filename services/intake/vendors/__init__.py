"""Survey tools: one file each, and this dictionary. A cohort's connection names a vendor by its key here."""

from collections.abc import Mapping

from services.intake.core.vendor import Vendor
from services.intake.vendors.typeform import Typeform

Vendors = Mapping[str, Vendor]

VENDORS: Vendors = {
    "typeform": Typeform(),
}
