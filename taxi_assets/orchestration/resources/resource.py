"""What all resources share: how they are shown in the UI.

Belongs here: that. Not here: what a resource is for, which its class says to people: Dagster shows the class's
docstring and the descriptions of its fields, under *Deployment* and beside the Launchpad's editor.
"""

from __future__ import annotations

from typing import Any, cast

from dagster import ConfigurableResource, Field, Shape

from taxi_assets.orchestration.dagster_internals.resources import (
    ConfigurableResourceFactoryResourceDefinition,
    ConfiguredDefinitionConfigSchema,
    DefinitionConfigSchema,
    cached_method,
)


class Resource(ConfigurableResource):  # pyright: ignore[reportMissingTypeArgument]  # no resource yields a value here
    """A resource whose values come from the environment."""

    @cached_method
    def get_resource_definition(self) -> ConfigurableResourceFactoryResourceDefinition:
        """As Dagster makes it, but a run need not say, and the Launchpad does not begin with, what is set already.

        Dagster makes each value the default of the run's configuration, and the Launchpad writes all defaults out:
        eighteen lines of paths, which a run then carries for good. Here they are the resource's own; what a run says
        goes before them.
        """
        made = super().get_resource_definition()
        return ConfigurableResourceFactoryResourceDefinition(
            type(self),
            resource_fn=made.resource_fn,
            config_schema=_SetAlready(made),
            description=made.description,
            nested_resources=made.nested_resources,
            nested_partial_resources=cast("Any", made.nested_partial_resources),
            dagster_maintained=False,
        )


class _SetAlready(ConfiguredDefinitionConfigSchema):
    """The values of a resource for its page, and for runs fields that may be given and have no default."""

    def __init__(self, made: ConfigurableResourceFactoryResourceDefinition) -> None:
        self._made = made.config_schema
        values: dict[str, Any] = self._made.default_value if self._made.default_provided else {}
        fields = {
            name: Field(field.config_type, is_required=False, description=field.description)
            for name, field in cast("Any", self._made.config_type).fields.items()
        }

        def completed(given: dict[str, Any]) -> dict[str, Any]:
            return {**values, **given}

        super().__init__(made, DefinitionConfigSchema(Field(Shape(fields), is_required=False)), completed)

    @property
    def default_provided(self) -> bool:
        """Of the page, which Dagster fills in from here; a run is not asked by this."""
        return self._made.default_provided

    @property
    def default_value_as_json_str(self) -> str:
        """Likewise; secrets are the names of their variables."""
        return self._made.default_value_as_json_str
