"""What both GCP resources know: project, location, names, and where credentials come from.

``dagster_gcp``'s own resources do not fit: ``GCSResource`` takes no credentials but the machine's, neither takes the
address of an emulator, and importing them costs seconds in every run worker.
"""

from dagster import ConfigurableResource

from taxi_assets.settings import Settings, load_settings


class GcpAccess(ConfigurableResource):  # pyright: ignore[reportMissingTypeArgument]  # it yields no value
    """The four keys.

    Attributes:
        project: ``GCP_PROJECT_ID``.
        location: ``GCP_LOCATION``.
        bucket: ``GCP_BUCKET_NAME``.
        dataset: ``GCP_DATASET``.
        credentials: ``SECRET_GCP_SERVICE_ACCOUNT``, given as an ``EnvVar`` so that the UI shows the variable's name;
            None: Application Default Credentials.
    """

    project: str
    location: str
    bucket: str
    dataset: str
    credentials: str | None = None

    def settings(self) -> Settings:
        """These values as settings; emulators, when their variables are set, are taken from the environment."""
        return load_settings(
            taxi_target="gcp",
            gcp_project_id=self.project,
            gcp_location=self.location,
            gcp_bucket_name=self.bucket,
            gcp_dataset=self.dataset,
            secret_gcp_service_account=self.credentials,
        )
