"""The environment, read and validated once.

Belongs here: every environment variable that the project reads, its default, and the sentence that says how to
fix a wrong value. Not here: what the values are used for.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from taxi_assets.data_dir import DataDir
from taxi_assets.datasets.registry import DATASETS
from taxi_assets.errors import SettingsError
from taxi_assets.installation import PACKAGE, default_data_dir

PROJECT_ROOT = PACKAGE.parent
"""For the tests, which lie in a checkout. Not for what the project makes: see ``installation.py``."""

Target = Literal["local", "gcp"]
NAMED_SOURCES = ("auto", "datatalksclub", "tlc", "sample")
LONGEST_SCHEMA = 52
"""Bytes: Postgres' limit of 63, less what the schema of the months' tables has behind it (``_partitions``)."""
GCP_KEYS = ("GCP_PROJECT_ID", "GCP_LOCATION", "GCP_BUCKET_NAME", "GCP_DATASET")


class Settings(BaseSettings):
    """Every setting of the project, by the name of its environment variable in lower case.

    Build it with :func:`load_settings`, which turns validation problems into one readable ``SettingsError``.
    An empty environment variable counts as unset, as compose files pass unset variables on as empty ones.
    """

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, hide_input_in_errors=True)

    taxi_target: Target = "local"
    taxi_source: Annotated[str, Field(repr=False)] = "auto"
    taxi_ignore_columns: Annotated[tuple[str, ...], NoDecode] = ()
    taxi_data_dir: Path = Field(default_factory=default_data_dir)
    taxi_postgres_url: SecretStr | None = None
    taxi_postgres_schema: str = "public"
    taxi_sample_rows: Annotated[int, Field(ge=1, le=100_000_000)] = 20_000
    taxi_months_per_run: Annotated[int, Field(ge=1, le=240)] = 12
    taxi_probe_minutes: Annotated[float, Field(ge=0.1, le=10_080)] = 60
    taxi_alert_webhook: SecretStr | None = None
    taxi_ui_url: str = "http://127.0.0.1:3000"
    taxi_maximum_bytes_billed: Annotated[int, Field(ge=10_000_000)] = 100_000_000_000
    taxi_require_partition_filter: bool = False

    gcp_project_id: str | None = None
    gcp_location: str | None = None
    gcp_bucket_name: str | None = None
    gcp_dataset: str | None = None
    secret_gcp_service_account: SecretStr | None = None
    storage_emulator_host: str | None = None
    bigquery_emulator_host: str | None = None

    @cached_property
    def data_dir(self) -> DataDir:
        """The layout of ``TAXI_DATA_DIR``."""
        return DataDir(self.taxi_data_dir)

    @field_validator("taxi_source")
    @classmethod
    def _source_is_known(cls, value: str) -> str:
        if value in NAMED_SOURCES or value.startswith(("http://", "https://")):
            return value
        path = Path(_path_of_file_url(value)).expanduser()
        # One that is not there may be a disk that is not mounted: the step says so, and tries again.
        if path.is_dir() or (path.is_absolute() and not path.exists()):
            return str(path.resolve())
        raise ValueError(
            f"use one of {', '.join(NAMED_SOURCES)}, a base URL, or a folder: an absolute path, or one that exists"
        )

    @field_validator("taxi_ignore_columns", mode="before")
    @classmethod
    def _ignored_columns_can_be_spared(cls, value: object) -> object:
        names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
        if not isinstance(names, (list, tuple)):
            return value
        for name, dataset in itertools.product(cast("Sequence[str]", names), DATASETS.values()):
            column = dataset.column_called(name)
            if column is not None and (column.required or column.name in dataset.essential):
                raise ValueError(
                    f"{name} cannot be skipped, it is what makes a file one of {dataset.name}; leave it out"
                )
        return tuple(name for name in cast("Sequence[str]", names) if name)

    @field_validator("taxi_data_dir")
    @classmethod
    def _data_dir_is_absolute(cls, value: Path) -> Path:
        try:
            path = value.expanduser().resolve()
            is_something_else = path.exists() and not path.is_dir()
        except (OSError, RuntimeError) as error:  # no such user behind ~, a loop of links, a folder closed to us
            raise ValueError(f"{error}; name a folder that you may write to") from None
        if is_something_else:
            raise ValueError("this is a file; name a folder, it is made when it does not exist")
        return path

    @field_validator("taxi_postgres_url")
    @classmethod
    def _postgres_url_is_libpq(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or unset it to use the "
                             "embedded server")  # fmt: skip
        return value

    @field_validator("taxi_postgres_schema")
    @classmethod
    def _postgres_schema_is_free(cls, value: str) -> str:
        if value.startswith("pg_") or value in ("information_schema", "partitions", "zoomcamp", "tlc"):
            raise ValueError("this schema has another purpose; choose a name of your own, for example taxi")
        if not 1 <= len(value.encode()) <= LONGEST_SCHEMA or {"%", "\x00"} & set(value):
            raise ValueError(f"use a name of 1 to {LONGEST_SCHEMA} bytes without %, for example taxi")
        return value

    @field_validator("taxi_alert_webhook")
    @classmethod
    def _webhook_is_http(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("write the whole URL of the webhook, starting with https://")
        return value

    @field_validator("taxi_ui_url")
    @classmethod
    def _ui_url_is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError(
                "write the address under which people open the Dagster UI, starting with http:// or https://"
            )
        return value

    @field_validator("secret_gcp_service_account")
    @classmethod
    def _service_account_is_base64_json(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return value
        fix = "make it with: base64 -w 0 service-account.json"
        # `.env` files have it with blanks or quotes around it, and `base64` without -w 0 breaks its lines.
        key = "".join(value.get_secret_value().split()).strip("'\"")
        try:
            account: Any = json.loads(base64.b64decode(key, validate=True))
        except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError):
            # `from None`: the decoding error quotes the text, and the text is the secret.
            raise ValueError(f"it is not base64 of a JSON file; {fix}") from None
        if not isinstance(account, dict) or cast("dict[str, Any]", account).get("type") != "service_account":
            raise ValueError(f"the JSON is not a service account key; {fix}")
        return value

    @model_validator(mode="after")
    def _gcp_has_its_four_keys(self) -> Settings:
        missing = [key for key in GCP_KEYS if getattr(self, key.lower()) is None]
        if self.taxi_target == "gcp" and missing:
            raise ValueError(f"TAXI_TARGET=gcp needs {', '.join(GCP_KEYS)}; not set: {', '.join(missing)}")
        return self


def _path_of_file_url(value: str) -> str:
    """``file:///data/trips`` and ``file://localhost/data/trips`` as a path; all else as it is."""
    parts = urlsplit(value)
    if parts.scheme != "file":
        return value
    if parts.netloc not in ("", "localhost"):
        raise ValueError("a file:// URL names a folder of this machine: write it with three slashes, file:///FOLDER")
    return url2pathname(parts.path)


def load_settings(**overrides: Any) -> Settings:
    """Reads the environment; ``overrides`` (by field name) win over it.

    Raises:
        SettingsError: One or more values are wrong. Each line names the variable, the value (never a secret's)
            and the fix.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(problem) for problem in error.errors())) from None


def _explain(problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return message
    field = str(problem["loc"][0])
    if field == "taxi_target":
        message = f"use one of {', '.join(get_args(Target))}"
    annotation = str(Settings.model_fields[field].annotation) if field in Settings.model_fields else ""
    # A source that is no folder may be a URL, password included, with a slip in its scheme.
    is_secret = "SecretStr" in annotation or (field == "taxi_source" and "@" in str(problem["input"]))
    value = "(a secret, not shown)" if is_secret else repr(problem["input"])
    return f"{field.upper()}={value}: {message}"
