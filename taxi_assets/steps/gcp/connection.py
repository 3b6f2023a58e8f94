"""Where the ``gcp`` target lies and how it is reached, as one value that the clients and the preflight take.

Belongs here: names, credentials and emulators, how names are written, and what must hold between them. Not here:
environment variables (``settings.py`` reads them, the resources hand them on), and Google's packages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from taxi_assets.errors import SettingsError


@dataclass(frozen=True)
class GcpConnection:
    """The ``gcp`` target.

    Names are taken as people and ``.env`` files write them, where that can mean one thing only: with blanks or quotes
    around them, a bucket as ``gs://bucket``, a dataset as ``project.dataset`` of the same project.

    Attributes:
        project: ``GCP_PROJECT_ID``.
        location: ``GCP_LOCATION``: the dataset's, and that of what is made.
        bucket: ``GCP_BUCKET_NAME``.
        dataset: ``GCP_DATASET``.
        credentials: ``SECRET_GCP_SERVICE_ACCOUNT``, base64 of a service account's key; None: Application Default
            Credentials. Emulators are given none.
        storage_emulator: ``STORAGE_EMULATOR_HOST``, as a URL or ``host:port``; None: the real service.
        bigquery_emulator: ``BIGQUERY_EMULATOR_HOST``, likewise.

    Raises:
        SettingsError: Names that Google would not take, each on a line with its variable and the fix; or only one of
            the two emulators is given.
    """

    project: str
    location: str
    bucket: str
    dataset: str
    credentials: str | None = field(default=None, repr=False)
    storage_emulator: str | None = None
    bigquery_emulator: str | None = None

    def __post_init__(self) -> None:
        problems: list[str] = []
        for name, (variable, rule) in _RULES.items():
            written = getattr(self, name)
            try:
                # Frozen for everybody else: from here on the name is as Google writes it.
                object.__setattr__(self, name, rule(_bare(written)))
            except ValueError as error:
                problems.append(f"{variable}={written!r}: {error}")
        project, _, dataset = self.dataset.rpartition(".")
        if not problems and project not in ("", self.project):
            problems.append(
                f"GCP_DATASET={self.dataset!r}: a dataset of another project than GCP_PROJECT_ID={self.project}; "
                f"write GCP_DATASET={dataset} and, if the other project is meant, GCP_PROJECT_ID={project}"
            )
        object.__setattr__(self, "dataset", dataset)
        if (self.storage_emulator is None) != (self.bigquery_emulator is None):
            problems.append(
                "set both STORAGE_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST, or neither: one alone would mix an "
                "emulator with the real service"
            )
        if problems:
            raise SettingsError("\n".join(problems))

    @property
    def dataset_id(self) -> str:
        """The dataset's whole name, ``project.dataset``."""
        return f"{self.project}.{self.dataset}"


def _bare(written: str) -> str:
    """Without blanks around it, and without one pair of quotes, which some readers of ``.env`` files leave there."""
    text = written.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text


def _project(text: str) -> str:
    # https://cloud.google.com/resource-manager/docs/creating-managing-projects; old ones may name a domain first.
    if not re.fullmatch(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", text):
        raise ValueError(
            "write the project's ID, not its name or number: 6 to 30 small letters, digits and hyphens, beginning "
            "with a letter. `gcloud projects list` shows it"
        )
    return text


def _location(text: str) -> str:
    # https://cloud.google.com/bigquery/docs/locations
    if zone := re.fullmatch(r"([a-z]+-[a-z]+\d+)-[a-z]", text, re.IGNORECASE):
        raise ValueError(f"that is a zone; write its region, {zone[1]}")
    if not re.fullmatch(r"[a-z]{2,4}\d?|[a-z]+-[a-z]+\d+", text, re.IGNORECASE):
        raise ValueError("write a multi-region, US or EU, or a region such as europe-west1")
    return text


def _bucket(text: str) -> str:
    # https://cloud.google.com/storage/docs/buckets#naming
    name = text.removeprefix("gs://").removesuffix("/")
    if "/" in name:
        raise ValueError(f"write the bucket alone, {name.partition('/')[0]}: the lake takes names below it itself")
    if (
        not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", name)
        or not all(re.fullmatch(r".{1,63}", part) for part in name.split("."))
        or re.fullmatch(r"\d+(\.\d+){3}", name)
        or name.startswith("goog")
        or "google" in name
    ):
        raise ValueError(
            "no bucket can have this name: it takes 3 to 63 small letters, digits, hyphens, underscores and dots, "
            "begins and ends with a letter or digit, is no IP address, and does not say google"
        )
    return name


def _dataset(text: str) -> str:
    # https://cloud.google.com/bigquery/docs/datasets#dataset-naming. `project:dataset` is how `bq` writes it.
    project, separator, name = text.rpartition(":") if ":" in text and "." not in text else text.rpartition(".")
    if not re.fullmatch(r"\w{1,1024}", name, re.ASCII) or (separator and not project):
        raise ValueError("no dataset can have this name: it takes letters, digits and underscores")
    return f"{project}.{name}" if project else name


_RULES: dict[str, tuple[str, Callable[[str], str]]] = {
    "project": ("GCP_PROJECT_ID", _project),
    "location": ("GCP_LOCATION", _location),
    "bucket": ("GCP_BUCKET_NAME", _bucket),
    "dataset": ("GCP_DATASET", _dataset),
}
