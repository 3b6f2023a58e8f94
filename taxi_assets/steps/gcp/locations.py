"""Which buckets a BigQuery dataset can load from.

Belongs here: Google's rule, and which regions its multi-regions contain. Not here: looking where something is
(``preflight.py``).

A dataset in a multi-region loads from a bucket in the same multi-region or in a place inside it; a dataset in a region
loads from that region only, so not from the multi-region around it
(https://cloud.google.com/bigquery/docs/loading-data-cloud-storage, "Location considerations").
"""

from __future__ import annotations

_OUTSIDE_OF_EU = {"europe-west2", "europe-west6"}
"""London and Zurich: Google's ``EU`` is the Union's member states (https://cloud.google.com/bigquery/docs/locations)."""

_DUAL_REGIONS = {
    "asia1": {"asia-northeast1", "asia-northeast2"},
    "eur4": {"europe-north1", "europe-west4"},
    "nam4": {"us-central1", "us-east1"},
}
"""Places of buckets that are in two regions at once (https://cloud.google.com/storage/docs/locations)."""


def can_load(dataset: str, bucket: str) -> bool:
    """Whether a dataset at one location can load from, and have external tables on, a bucket at another."""
    dataset, bucket = dataset.casefold(), bucket.casefold()
    regions = _DUAL_REGIONS.get(bucket, {bucket})
    if dataset == "us":
        return all(region == "us" or region.startswith("us-") for region in regions)
    if dataset == "eu":
        inside = (region.startswith("europe-") and region not in _OUTSIDE_OF_EU for region in regions)
        return bucket == "eu" or all(inside)
    return dataset in regions
