"""Checks: what a verdict says of the materialization that it is about."""

# Dagster shows a verdict on a month only while it names the month's latest materialization. What fills that in for an
# AssetCheckResult knows runs of one month alone.
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

__all__ = ["AssetCheckEvaluationTargetMaterializationData"]
