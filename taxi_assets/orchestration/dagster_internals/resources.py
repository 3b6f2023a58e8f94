"""Resources: ``ConfigurableResource`` is public, the definition that Dagster makes of one is not."""

# Of any other definition the resource's page would not say the name of its class.
from dagster._config.pythonic_config.resource import ConfigurableResourceFactoryResourceDefinition

# The configuration of a definition; dagster exports `configured` alone, after which the page has no values.
from dagster._core.definitions.definition_config_schema import ConfiguredDefinitionConfigSchema, DefinitionConfigSchema

# A resource needs one definition for as long as it lives; Dagster's own method keeps it by this.
from dagster._utils.cached_method import cached_method

__all__ = [
    "ConfigurableResourceFactoryResourceDefinition",
    "ConfiguredDefinitionConfigSchema",
    "DefinitionConfigSchema",
    "cached_method",
]
