"""Code tables: which words files have used for a code, and what each code means; and the words for nothing.

Belongs here: words and meanings, as data. Not here: which column uses which table (``vocabulary.py`` and the
dataset modules) and the SQL that applies them (``taxi_assets/steps/clean/reading/values.py``).

Sources: TLC's data dictionaries of trip records (editions of 2015 to March 2025) for the meanings of numbers; the
files themselves for the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NOTHING = frozenset({"NA", "N/A", "#N/A", "<NA>", "NAN", "NAT", "NONE", "NULL", r"\N"})
"""Words that exports write where there is no value, upper case: R, spreadsheets, pandas, Python, SQL and Hive. A code
table that has one of them as a word of its own (payments of 2010) keeps it in files that write that column in words."""


@dataclass(frozen=True)
class CodeTable:
    """The values of one code.

    Attributes:
        meanings: Value as stored and what it means, in our words.
        words: Spelling in a file, upper case and without surrounding blanks, and the value it stands for.
    """

    meanings: Mapping[int | str, str]
    words: Mapping[str, int | str] = field(default_factory=dict[str, "int | str"])

    def sentence(self) -> str:
        """The table in words, to end a column's description with: ``1 credit card, 2 cash`` and a full stop."""
        return ", ".join(f"{value} {meaning}" for value, meaning in self.meanings.items()) + "."


VENDORS = CodeTable(
    meanings={
        1: "Creative Mobile Technologies (CMT)",
        2: "Curb Mobility, formerly VeriFone (VTS)",
        3: "Digital Dispatch Systems (DDS)",
        6: "Myle Technologies",
        7: "Helix",
    },
    # Yellow 2009 to 2014 name the vendor by its initials. TLC numbers two of the three; for DDS, which left in 2010, it
    # published no number, so 3 is ours: no dictionary uses it. One trip in a hundred of 2019-01 says 4, which no
    # dictionary explains; like every unlisted number it is kept and counted.
    words={"CMT": 1, "VTS": 2, "DDS": 3},
)

PAYMENTS = CodeTable(
    meanings={
        0: "flex fare",
        1: "credit card",
        2: "cash",
        3: "no charge",
        4: "dispute",
        5: "unknown",
        6: "voided trip",
    },
    words={
        # Yellow 2009 spells them out, each vendor with a case of its own: Credit, CREDIT, No Charge.
        "CREDIT": 1, "CASH": 2, "NO CHARGE": 3, "DISPUTE": 4,
        # 2010 cuts them after three letters: Cre, Cas, "No ", Dis.
        "CRE": 1, "CAS": 2, "NO": 3, "DIS": 4, "NA": 5,
        # 2011 to 2014 has codes of three letters.
        "CRD": 1, "CSH": 2, "NOC": 3, "UNK": 5,
    },
)  # fmt: skip

RATES = CodeTable(
    meanings={
        1: "standard",
        2: "JFK",
        3: "Newark",
        4: "Nassau or Westchester",
        5: "negotiated",
        6: "group ride",
        99: "unknown",
    },
)

TRIP_TYPES = CodeTable(meanings={1: "street hail", 2: "dispatched"})

FLAGS = CodeTable(
    meanings={"Y": "yes", "N": "no"},
    # Yellow 2010 writes 0, 1 and, in places, an asterisk that no dictionary explains: it is kept as published. The
    # Parquet files of those months hold the same numbers as text, some as 0.0.
    words={"0": "N", "1": "Y", "0.0": "N", "1.0": "Y", "0.": "N", "1.": "Y", "FALSE": "N", "TRUE": "Y"},
)

SHARED_RIDES = CodeTable(meanings={1: "part of a shared ride"})

HIGH_VOLUME_LICENSES = CodeTable(meanings={"HV0002": "Juno", "HV0003": "Uber", "HV0004": "Via", "HV0005": "Lyft"})
