"""The lake of the ``gcp`` target: a Cloud Storage bucket.

Belongs here: objects of one bucket, written so that two writers cannot cross and nothing is ever half there. Not
here: what is copied there (``copy.py``) and whether the bucket is as it should be (``steps/gcp/preflight.py``).
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from taxi_assets.data_dir import published_atomically
from taxi_assets.errors import BrokenFileError, NotMaterializedError, StoreAccessError, StoreUnavailableError
from taxi_assets.steps.files.progress import OnProgress, no_progress
from taxi_assets.steps.gcp.clients import OBJECT_ROLE, RETRY_SECONDS, explained, storage_retry
from taxi_assets.steps.lake.lake import ObjectInfo, PutResult

if TYPE_CHECKING:
    from google.cloud.storage import Client

logger = logging.getLogger(__name__)

Blob: TypeAlias = Any
"""``google.cloud.storage.Blob``, whose methods are not typed."""

CHUNK_BYTES = 32 * 1024 * 1024
"""An upload holds this much in memory, and a copy while it is sent, whatever the file's size.

Each chunk waits for its answer: small ones are slow over long distances. A month of yellow trips takes six.
"""

READ_BYTES = 1024 * 1024
"""How much is read at a time for checksums."""

FOOTER_CHUNK_BYTES = 256 * 1024
"""Enough for the Parquet footer of a month in one request."""

_CONTENT_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".gz": "application/gzip",
    ".csv": "text/csv",
    ".html": "text/html; charset=utf-8",
}
SHA256 = "sha256"
"""In the metadata of every object that this project has ever written; one without it is somebody else's."""

_KEPT = "what was there before is still there, whole"


class GcsLake:
    """A lake in a bucket; implements :class:`taxi_assets.steps.lake.lake.Lake`.

    Args:
        client: See :func:`taxi_assets.steps.gcp.clients.storage_client`.
        bucket: Name of the bucket.
        retry_seconds: How long each call is tried again on passing errors.
        chunk_bytes: See ``CHUNK_BYTES``; a multiple of 256 KiB.
    """

    def __init__(
        self, client: Client, bucket: str, *, retry_seconds: float = RETRY_SECONDS, chunk_bytes: int = CHUNK_BYTES
    ) -> None:
        self._bucket: Any = client.bucket(bucket)
        self._retry = storage_retry(retry_seconds)
        self._chunk_bytes = chunk_bytes

    def put(
        self, local: Path, name: str, *, metadata: Mapping[str, str], on_progress: OnProgress = no_progress
    ) -> PutResult:
        """Uploads ``local`` unless the object has its bytes, and compares checksums with the server's.

        The upload names the generation that it replaces: when somebody else wrote the object in between, Google
        refuses it. Files of more than 8 MB go up in resumable chunks, and a dropped connection continues with the
        chunk that was lost.

        Raises:
            BrokenFileError: The local file is gone, or changed while it was read.
            StoreUnavailableError: See :func:`explained`; also when another run wrote other bytes meanwhile.
            StoreAccessError: A role is missing, or the object that is there was not put there by this project.
        """
        digest = _digest_of(local)
        with explained(f"{self._uri(name)}: looking", role=OBJECT_ROLE, kept=_KEPT):
            present: Blob | None = self._bucket.get_blob(name, retry=self._retry)
        if present is not None and digest.is_of(present):
            logger.info("lake: %s is unchanged", self._uri(name))
            on_progress(digest.bytes, digest.bytes)
            return PutResult(_info(present, self._uri(name)), written=False)
        if present is not None and not _is_ours(present):
            raise StoreAccessError(
                f"{self._uri(name)}: something else made this object (its metadata has no {SHA256}). It was left as it "
                "is. Move it away, or set GCP_BUCKET_NAME to a bucket of its own"
            )
        blob = self._upload(local, name, digest, metadata, present, on_progress)
        logger.info("lake: %s, %.1f MB, generation %s", self._uri(name), digest.bytes / 1e6, blob.generation)
        return PutResult(_info(blob, self._uri(name)), written=True)

    def _upload(
        self,
        local: Path,
        name: str,
        digest: _Digest,
        metadata: Mapping[str, str],
        present: Blob | None,
        on_progress: OnProgress,
    ) -> Blob:
        from google.api_core.exceptions import PreconditionFailed

        blob: Blob = self._bucket.blob(name, chunk_size=self._chunk_bytes)
        blob.metadata = {**metadata, SHA256: digest.sha256}
        # Sent with the upload: Google then refuses bytes that do not fit, instead of publishing them.
        blob.crc32c = digest.crc32c
        with explained(f"{self._uri(name)}: uploading", role=OBJECT_ROLE, kept=_KEPT):
            try:
                with _WatchedFile(local, on_progress) as stream:
                    blob.upload_from_file(
                        stream,
                        size=digest.bytes,
                        content_type=_CONTENT_TYPES.get(local.suffix, "application/octet-stream"),
                        if_generation_match=present.generation if present else 0,
                        # Compared below: the client would remove an object that does not fit, whoever wrote it.
                        checksum=None,
                        retry=self._retry,
                    )
            except PreconditionFailed as error:
                # Either another run was faster, or our own upload landed and its answer was lost on the way.
                landed: Blob | None = self._bucket.get_blob(name, retry=self._retry)
                if landed is not None and digest.is_of(landed):
                    return landed
                raise StoreUnavailableError(
                    f"{self._uri(name)}: another run wrote this object at the same time; what it wrote is there and "
                    "was not touched. Run again"
                ) from error
        self._compare(blob, name, digest)
        return blob

    def _compare(self, blob: Blob, name: str, digest: _Digest) -> None:
        """The server's checksum is that of the local file; else the object that was just written is withdrawn."""
        if blob.crc32c == digest.crc32c and blob.size == digest.bytes:
            return
        with explained(f"{self._uri(name)}: withdrawing", role=OBJECT_ROLE, kept="a broken object may be there"):
            blob.delete(if_generation_match=blob.generation, retry=self._retry)
        raise StoreUnavailableError(
            f"{self._uri(name)}: the server has CRC32C {blob.crc32c} and {blob.size} bytes, the local file "
            f"{digest.crc32c} and {digest.bytes}; the object was withdrawn. Run again"
        )

    def get(self, name: str, local: Path, *, on_progress: OnProgress = no_progress) -> bool:
        """Downloads an object in chunks; its length, CRC32C and SHA-256 are compared before it gets its name.

        Raises:
            BrokenFileError: What arrived is not what was put there.
        """
        with explained(f"{self._uri(name)}: looking", role=OBJECT_ROLE, kept="nothing was written"):
            blob: Blob | None = self._bucket.get_blob(name, retry=self._retry)
        if blob is None:
            return False
        with published_atomically(local) as partial:
            doing = f"{self._uri(name)}: downloading"
            with explained(doing, role=OBJECT_ROLE, kept=f"{local} is as it was"), partial.open("wb") as file:
                blob.download_to_file(
                    file, raw_download=True, if_generation_match=blob.generation, checksum="crc32c", retry=self._retry
                )
            digest = _digest_of(partial)
            promised = _metadata(blob).get(SHA256, digest.sha256)
            if digest.crc32c != blob.crc32c or digest.sha256 != promised:
                raise BrokenFileError(
                    f"{self._uri(name)}: what arrived has SHA-256 {digest.sha256}, the object promises {promised}; "
                    f"{local} is as it was. Materialize the lake asset of this month again"
                )
        on_progress(digest.bytes, digest.bytes)
        return True

    def stat(self, name: str) -> ObjectInfo | None:
        """Size, generation and metadata of an object."""
        with explained(f"{self._uri(name)}: looking", role=OBJECT_ROLE, kept="nothing was changed"):
            blob: Blob | None = self._bucket.get_blob(name, retry=self._retry)
        return None if blob is None else _info(blob, self._uri(name))

    def open(self, name: str) -> BinaryIO:
        """A reader that asks for ranges of the object as it is read."""
        with explained(f"{self._uri(name)}: looking", role=OBJECT_ROLE, kept="nothing was changed"):
            blob: Blob | None = self._bucket.get_blob(name, retry=self._retry)
        if blob is None:
            raise NotMaterializedError(f"{self._uri(name)}: not in the lake; materialize the lake asset of this month")
        # Of this generation: should the object be replaced meanwhile, that is an error and no mixture.
        reader: Any = blob.open(
            "rb", chunk_size=FOOTER_CHUNK_BYTES, if_generation_match=blob.generation, retry=self._retry
        )
        return cast("BinaryIO", io.BufferedReader(_ExplainedReader(reader, self._uri(name)), FOOTER_CHUNK_BYTES))

    def names(self, prefix: str) -> list[str]:
        """Lists the bucket."""
        with explained(f"{self._uri(prefix)}: listing", role=OBJECT_ROLE, kept="nothing was changed"):
            found = self._bucket.list_blobs(prefix=prefix, fields="items(name),nextPageToken", retry=self._retry)
            return sorted(str(blob.name) for blob in found)

    def delete(self, name: str) -> None:
        """Deletes the object's live version; one that this project did not put there stays, with a warning."""
        from google.api_core.exceptions import NotFound

        with explained(f"{self._uri(name)}: deleting", role=OBJECT_ROLE, kept=_KEPT):
            blob: Blob | None = self._bucket.get_blob(name, retry=self._retry)
            if blob is None:
                return
            if not _is_ours(blob):
                logger.warning("lake: %s stays: its metadata has no %s, so it is not ours", self._uri(name), SHA256)
                return
            try:
                blob.delete(if_generation_match=blob.generation, retry=self._retry)
            except NotFound:
                logger.info("lake: %s was gone already", self._uri(name))

    def _uri(self, name: str) -> str:
        return f"gs://{self._bucket.name}/{name}"


@dataclass(frozen=True)
class _Digest:
    """What identifies a file's bytes: two checksums and the size. ``crc32c`` is base64, as Google writes it."""

    sha256: str
    crc32c: str
    bytes: int

    def is_of(self, blob: Blob) -> bool:
        """Whether the object has these bytes, by the server's checksum and by what we noted when we wrote it."""
        noted = _metadata(blob).get(SHA256)
        return (noted, blob.crc32c, blob.size) == (self.sha256, self.crc32c, self.bytes)


def _digest_of(path: Path) -> _Digest:
    """Reads the file once, in chunks.

    Raises:
        BrokenFileError: It is not there.
    """
    import google_crc32c

    sha256, crc32c, size = hashlib.sha256(), google_crc32c.Checksum(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(READ_BYTES):
                sha256.update(chunk)
                crc32c.update(chunk)
                size += len(chunk)
    except FileNotFoundError as error:
        raise BrokenFileError(f"{path}: the file is gone; the lake was left as it is. Materialize it again") from error
    return _Digest(sha256.hexdigest(), base64.b64encode(crc32c.digest()).decode("ascii"), size)


class _ExplainedReader(io.RawIOBase):
    """Google's reader of an object, whose errors become ours while it is read, and not only when it is opened."""

    def __init__(self, reader: Any, uri: str) -> None:
        self._reader = reader
        self._uri = uri

    def readinto(self, buffer: Any, /) -> int:
        with explained(f"{self._uri}: reading", role=OBJECT_ROLE, kept="nothing was changed"):
            data: bytes = self._reader.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


class _WatchedFile(io.FileIO):
    """A file that tells how far it has been read."""

    def __init__(self, path: Path, on_progress: OnProgress) -> None:
        super().__init__(path, "rb")
        self._size = path.stat().st_size
        self._on_progress = on_progress

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self._on_progress(self.tell(), self._size)
        return data


def _info(blob: Blob, uri: str) -> ObjectInfo:
    return ObjectInfo(
        name=str(blob.name),
        uri=uri,
        bytes=int(blob.size or 0),
        version=str(blob.generation),
        metadata=_metadata(blob),
    )


def _is_ours(blob: Blob) -> bool:
    return SHA256 in _metadata(blob)


def _metadata(blob: Blob) -> dict[str, str]:
    return dict(blob.metadata or {})
