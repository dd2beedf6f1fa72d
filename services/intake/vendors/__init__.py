"""Survey tools: one file each, and this dictionary. A cohort's connection names a vendor by its key here."""

from collections.abc import Mapping

from services.intake.core.vendor import Vendor
from services.intake.vendors.alchemer import Alchemer
from services.intake.vendors.cloudevents import CloudEvents
from services.intake.vendors.formbricks import Formbricks
from services.intake.vendors.google_apps_script import GoogleAppsScript
from services.intake.vendors.google_forms_pubsub import GoogleFormsPubSub
from services.intake.vendors.jotform import Jotform
from services.intake.vendors.kobotoolbox import KoboToolbox
from services.intake.vendors.limesurvey_plugin import LimeSurveyPlugin
from services.intake.vendors.msforms_powerautomate import MicrosoftForms
from services.intake.vendors.odk_central import OdkCentral
from services.intake.vendors.qualtrics import Qualtrics
from services.intake.vendors.redcap_det import RedcapDataEntryTrigger
from services.intake.vendors.smartsurvey import SmartSurvey
from services.intake.vendors.snap import Snap
from services.intake.vendors.standardwebhooks import StandardWebhooks
from services.intake.vendors.surveymonkey import SurveyMonkey
from services.intake.vendors.tally import Tally
from services.intake.vendors.typeform import Typeform

Vendors = Mapping[str, Vendor]

VENDORS: Vendors = {
    "alchemer": Alchemer(),
    "cloudevents": CloudEvents(),
    "formbricks": Formbricks(),
    "google_apps_script": GoogleAppsScript(),
    "google_forms_pubsub": GoogleFormsPubSub(),
    "jotform": Jotform(),
    "kobotoolbox": KoboToolbox(),
    "limesurvey_plugin": LimeSurveyPlugin(),
    "msforms_powerautomate": MicrosoftForms(),
    "odk_central": OdkCentral(),
    "qualtrics": Qualtrics(),
    "redcap_det": RedcapDataEntryTrigger(),
    "smartsurvey": SmartSurvey(),
    "snap": Snap(),
    "standardwebhooks": StandardWebhooks(),
    "surveymonkey": SurveyMonkey(),
    "tally": Tally(),
    "typeform": Typeform(),
}
