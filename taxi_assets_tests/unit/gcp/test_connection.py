"""Names of Google's: what can mean one thing only is taken, the rest is refused with the variable and the fix."""

import pytest

from taxi_assets.errors import SettingsError
from taxi_assets.steps.gcp.connection import GcpConnection

NAMES = {"project": "my-project", "location": "US", "bucket": "my-taxi", "dataset": "taxi"}


@pytest.mark.parametrize(
    ("name", "written", "taken"),
    [
        ("project", '"my-project"', "my-project"),
        ("location", " europe-west1\n", "europe-west1"),
        ("location", "eu", "eu"),
        ("location", "northamerica-northeast1", "northamerica-northeast1"),
        ("bucket", "gs://my-taxi/", "my-taxi"),
        ("bucket", "'my_taxi.example.com'", "my_taxi.example.com"),
        ("dataset", "my-project.taxi", "taxi"),
        ("dataset", "my-project:taxi", "taxi"),
        ("dataset", "Taxi_2", "Taxi_2"),
    ],
)
def test_what_can_mean_one_thing_only_is_taken(name: str, written: str, taken: str) -> None:
    assert getattr(GcpConnection(**{**NAMES, name: written}), name) == taken


def test_a_project_of_a_domain_is_taken() -> None:
    connection = GcpConnection(
        **{**NAMES, "project": "example.com:my-project", "dataset": "example.com:my-project.taxi"}
    )
    assert connection.dataset_id == "example.com:my-project.taxi"


@pytest.mark.parametrize(
    ("name", "written", "says"),
    [
        ("project", "My Project", "GCP_PROJECT_ID='My Project': write the project's ID"),
        ("project", "123456789012", "not its name or number"),
        ("location", "us-central1-a", "that is a zone; write its region, us-central1"),
        ("location", "Frankfurt am Main", "GCP_LOCATION='Frankfurt am Main': write a multi-region"),
        ("bucket", "Bad_Bucket Name!", "GCP_BUCKET_NAME='Bad_Bucket Name!': no bucket can have this name"),
        ("bucket", "gs://my-taxi/lake", "write the bucket alone, my-taxi"),
        ("bucket", "192.168.5.4", "is no IP address"),
        ("bucket", "b", "3 to 63"),
        ("bucket", "a" * 64, "3 to 63"),
        ("bucket", "my\ntaxi", r"GCP_BUCKET_NAME='my\ntaxi'"),
        ("dataset", "taxi-trips", "letters, digits and underscores"),
        ("dataset", "other-project.taxi", "a dataset of another project than GCP_PROJECT_ID=my-project"),
        ("dataset", "", "GCP_DATASET='': no dataset"),
    ],
)
def test_the_rest_is_refused_with_the_variable_and_the_fix(name: str, written: str, says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        GcpConnection(**{**NAMES, name: written})
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
