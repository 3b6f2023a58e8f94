"""The code location: ``taxi_assets.definitions:defs``.

Belongs here: putting the parts together, and what people put into ``taxi_assets/defs/`` beside them. ``build_defs`` is
used by production and by tests alike; nothing is read or started when this module is imported, apart from the
environment and that folder.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    BetaWarning,
    ComponentTree,
    DagsterInvalidDefinitionError,
    Definitions,
    PreviewWarning,
    SourceAsset,
    in_process_executor,
)

import taxi_assets.defs as yours
from taxi_assets.datasets.columns import Dataset
from taxi_assets.datasets.marts import MARTS
from taxi_assets.datasets.registry import DATASETS, TLC_DATASETS
from taxi_assets.orchestration.assets.everything import assets_of, engine_of
from taxi_assets.orchestration.assets.marts import mart_asset
from taxi_assets.orchestration.assets.report import report_asset
from taxi_assets.orchestration.assets.zones import zone_assets
from taxi_assets.orchestration.automation.everything import alerts_of, automation
from taxi_assets.orchestration.checks.everything import checks_of, checks_of_marts
from taxi_assets.orchestration.resources.targets import resources_for
from taxi_assets.settings import Settings, load_settings


def build_defs(
    settings: Settings, datasets: Mapping[str, Dataset] = DATASETS, **resource_overrides: object
) -> Definitions:
    """The whole project for these settings.

    Args:
        settings: The validated environment.
        datasets: Those whose assets and checks are wanted. Jobs, schedules and sensors are there for all.
        resource_overrides: Resources by name that replace those of the target.
    """
    months_per_run = settings.taxi_months_per_run
    with warnings.catch_warnings():
        # backfill_policy is beta in Dagster 1.13; people who run a command need not read that twenty times.
        warnings.simplefilter("ignore", BetaWarning)
        assets = [asset for dataset in datasets.values() for asset in assets_of(dataset, settings)]
        assets += zone_assets(engine_of(settings))
        assets += [mart_asset(mart, months_per_run, engine_of(settings)) for mart in MARTS.values()]
        assets.append(report_asset())
    return Definitions(
        assets=assets,
        asset_checks=[
            *(check for dataset in datasets.values() for check in checks_of(dataset)),
            *checks_of_marts(),
        ],
        **automation(settings),
        resources={**resources_for(settings), "alerts": alerts_of(settings), **resource_overrides},
        # Starting a process a step would cost more than most steps do.
        executor=in_process_executor,
    )


def with_yours(ours: Definitions) -> Definitions:
    """``ours`` and what lies in ``taxi_assets/defs/``.

    Dagster's ``load_from_defs_folder`` imports every integration that is installed, Google's among them, which takes
    three seconds in each run, and wants a ``pyproject.toml``, which neither the wheel nor the image has.

    Raises:
        DagsterInvalidDefinitionError: Something there has the name of something of ours.
    """
    folder = Path(yours.__path__[0])
    tree = ComponentTree.from_module(yours, project_root=folder.parent.parent)
    with warnings.catch_warnings():
        # It is Dagster's loader that calls what Dagster has in preview, and in beta.
        warnings.simplefilter("ignore", PreviewWarning)
        warnings.simplefilter("ignore", BetaWarning)
        theirs = tree.build_defs(folder)
        clashes = [_clash(name, tree, folder) for name in sorted(_names(ours) & _names(theirs))]
    if clashes:
        raise DagsterInvalidDefinitionError("\n".join(clashes))
    return Definitions.merge(ours, theirs)


def _names(defs: Definitions) -> set[str]:
    """What a code location has only one of, as in ``asset raw/taxi_zones`` and ``resource lake``."""
    assets = [*(defs.assets or []), *(defs.asset_checks or [])]
    return {
        *(f"asset {key.to_user_string()}" for asset in assets for key in _keys(asset)),
        *(f"check {key.to_user_string()}" for asset in assets for key in getattr(asset, "check_keys", [])),
        *(f"job {job.name}" for job in defs.jobs or []),
        # Dagster keeps these two in one list.
        *(f"schedule or sensor {each.name}" for each in [*(defs.schedules or []), *(defs.sensors or [])]),
        *(f"resource {name}" for name in defs.resources or {}),
        *(["executor"] if defs.executor else []),
    }


def _keys(asset: object) -> Iterable[AssetKey]:
    if isinstance(asset, AssetsDefinition):
        return asset.keys
    return [asset.key] if isinstance(asset, AssetSpec | SourceAsset) else []


def _clash(name: str, tree: ComponentTree, folder: Path) -> str:
    place = _place(name, tree, folder).relative_to(folder.parent.parent)
    return f"{place} defines the {name}, and so does taxi_assets itself. Rename or remove yours"


def _place(name: str, tree: ComponentTree, folder: Path) -> Path:
    """Which file or folder of ``folder`` defines it; a folder when it is a component's."""
    for path in sorted(folder.rglob("*"), reverse=True):
        # Not all that lies there is loaded by itself: data, a component's own files.
        with suppress(Exception):
            if name in _names(tree.build_defs(path)):
                return path
    return folder


# The assets of datasets that are declared in defs/ come with their components.
defs = with_yours(build_defs(load_settings(), TLC_DATASETS))
