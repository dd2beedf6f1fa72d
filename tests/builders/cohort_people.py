"""Invented people for generated cohorts: names in several scripts, addresses at example.org."""

from dataclasses import dataclass
from random import Random

GIVEN = [
    "Aoife",
    "Kenji",
    "Oluwaseun",
    "Małgorzata",
    "美玲",
    "Παναγιώτης",
    "Світлана",
    "Thảo",
    "Søren",
    "Inés",
    "Ravi",
    "Zeynep",
    "Hamish",
    "José-María",
    "فاطمة",
    "अनिका",
    "Siân",
    "Þóra",
    "Étienne",
    "Ngozi",
    "Dilnoza",
    "רבקה",
    "Bjørn",
    "Chloë",
]
FAMILY = [
    "O’Brien",
    "Watanabe",
    "Adébáyò",
    "Wiśniewska",
    "陳",
    "Παπαδόπουλος",
    "Шевченко",
    "Nguyễn",
    "Sørensen",
    "Muñoz",
    "Subramanian",
    "Yıldız",
    "MacDonald",
    "D’Angelo",
    "الحسيني",
    "शर्मा",
    "Gruffydd",
    "Jónsdóttir",
    "Lefèvre",
    "Okonkwo",
    "Karimova",
    "כהן",
    "Ødegård",
    "Van-der-Berg",
]
ONE_NAME = "Sukarno"
"""A person with one name only: the family name stays blank."""


@dataclass(frozen=True, slots=True)
class InventedPerson:
    """Somebody on the roster of a generated cohort."""

    participant: str
    given_name: str
    family_name: str
    organisation: str
    pool_consent: str

    @property
    def email(self) -> str:
        """An address that nobody has."""
        return f"{self.participant.lower()}@people.example.org"


def a_name(fate: Random) -> str:
    """A rater's or assessor's name."""
    return f"{fate.choice(GIVEN)} {fate.choice(FAMILY)}"


def people(
    cohort: str, count: int, organisations: list[str], levels: tuple[str, ...], fate: Random
) -> list[InventedPerson]:
    """`count` participants, spread over the organisations; some have not agreed to any pool level."""
    found = []
    for number in range(1, count + 1):
        single = number == 3
        found.append(
            InventedPerson(
                participant=f"{cohort.upper()}-{number:03d}",
                given_name=ONE_NAME if single else fate.choice(GIVEN),
                family_name="" if single else fate.choice(FAMILY),
                organisation=organisations[number % len(organisations)],
                pool_consent=fate.choice([*levels, *levels, ""]),
            )
        )
    return found
