"""Where the ``gcp`` target lies and how it is reached, as one value that the clients and the preflight take.

Belongs here: names, credentials and emulators, and what must hold between them. Not here: environment variables
(``settings.py`` reads them, the resources hand them on), and Google's packages.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from taxi_assets.errors import SettingsError


@dataclass(frozen=True)
class GcpConnection:
    """The ``gcp`` target.

    Attributes:
        project: ``GCP_PROJECT_ID``.
        location: ``GCP_LOCATION``, of the bucket and of the dataset.
        bucket: ``GCP_BUCKET_NAME``.
        dataset: ``GCP_DATASET``.
        credentials: ``SECRET_GCP_SERVICE_ACCOUNT``, base64 of a service account's key; None: Application Default
            Credentials. Emulators are given none.
        storage_emulator: ``STORAGE_EMULATOR_HOST``, as a URL or ``host:port``; None: the real service.
        bigquery_emulator: ``BIGQUERY_EMULATOR_HOST``, likewise.

    Raises:
        SettingsError: Only one of the two emulators is given.
    """

    project: str
    location: str
    bucket: str
    dataset: str
    credentials: str | None = field(default=None, repr=False)
    storage_emulator: str | None = None
    bigquery_emulator: str | None = None

    def __post_init__(self) -> None:
        if (self.storage_emulator is None) != (self.bigquery_emulator is None):
            raise SettingsError(
                "set both STORAGE_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST, or neither: one alone would mix an "
                "emulator with the real service"
            )

    @property
    def dataset_id(self) -> str:
        """The dataset's whole name, ``project.dataset``."""
        return f"{self.project}.{self.dataset}"
