"""warehouse -> marts: a mart's month, over all services.

Belongs here: the loop over services, and keeping one that fails from holding the others. Not here: how a service's part
is made (the stores).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from taxi_assets.datasets.marts import Mart
from taxi_assets.datasets.months import TripMonth
from taxi_assets.datasets.registry import TLC_DATASETS
from taxi_assets.errors import NotMaterializedError, TaxiAssetsError
from taxi_assets.steps.marts.marts import MartPart, MartStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MartMonth:
    """A month of a mart.

    Attributes:
        mart: Which.
        month: ``YYYY-MM``.
        parts: Of the services that have this month.
        seconds: Time of this call.
    """

    mart: Mart
    month: str
    parts: tuple[MartPart, ...]
    seconds: float

    @property
    def rows(self) -> int:
        """Rows of the mart."""
        return sum(part.rows for part in self.parts)

    @property
    def trips(self) -> int:
        """Trips that they count."""
        return sum(part.trips for part in self.parts)

    @property
    def unchanged(self) -> bool:
        """Everything was there already."""
        return all(part.unchanged for part in self.parts)


def build_mart(mart: Mart, month: str, store: MartStore, *, run_id: str = "") -> MartMonth:
    """Makes a month of a mart say what the warehouse says of it, service by service.

    Args:
        mart: Which.
        month: ``YYYY-MM``.
        store: Where the mart is.
        run_id: Of the orchestrator's run, to find a job by; may be empty.

    Raises:
        NotMaterializedError: No service has that month in the warehouse.
        TaxiAssetsError: Of the first service that failed. The others are done and shown.
    """
    begun = time.monotonic()
    parts: list[MartPart] = []
    errors: list[TaxiAssetsError] = []
    for service in (TripMonth(name, month) for name in TLC_DATASETS):
        try:
            part = store.replace(mart, service, run_id=run_id)
        except TaxiAssetsError as error:  # noqa: PERF203  # four services
            logger.error("marts: %s of %s could not be made: %s", mart.name, service, error)  # noqa: TRY400
            errors.append(error)
        else:
            parts += [part] if part else []
    try:
        store.publish()
    except TaxiAssetsError as error:
        errors.append(error)  # after what went wrong before it, of which it may be a consequence
    if errors:
        raise errors[0]
    if not parts:
        raise NotMaterializedError(
            f"{mart.name} {month}: no service has this month in the warehouse; materialize one of "
            f"{', '.join(f'warehouse/{dataset.table}' for dataset in TLC_DATASETS.values())} first"
        )
    return MartMonth(mart, month, tuple(parts), time.monotonic() - begun)
