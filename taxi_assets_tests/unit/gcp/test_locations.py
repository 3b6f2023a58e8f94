"""Which buckets a dataset can load from, as Google's pages say it."""

import pytest

from taxi_assets.steps.gcp.locations import can_load


@pytest.mark.parametrize(
    ("dataset", "bucket", "fine"),
    [
        ("US", "US", True),
        ("US", "us-central1", True),
        ("US", "NAM4", True),
        ("EU", "EUROPE-WEST1", True),
        ("EU", "EUR4", True),
        ("europe-west1", "EUROPE-WEST1", True),
        ("us-east1", "NAM4", True),
        ("EU", "europe-west2", False),  # London is not in the Union
        ("EU", "US", False),
        ("US", "europe-west1", False),
        ("europe-west1", "EU", False),
        ("asia-northeast1", "ASIA", False),  # the example of Google's page
        ("us-west1", "NAM4", False),
    ],
)
def test_google_allows_it(dataset: str, bucket: str, fine: bool) -> None:
    assert can_load(dataset, bucket) is fine
