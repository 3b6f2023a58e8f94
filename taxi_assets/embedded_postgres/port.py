"""A TCP port on this machine for the embedded server, as long as somebody needs one.

    python -m taxi_assets.embedded_postgres.port --port 5433

Belongs here: passing bytes between 127.0.0.1 and the server's socket. The server itself goes on having no TCP, and asks
every connection for its password, this one's too. Not here: the server (``server.py``).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from taxi_assets.embedded_postgres.server import DATABASE, ROLE, EmbeddedPostgres
from taxi_assets.errors import TaxiAssetsError
from taxi_assets.settings import load_settings

LOCALHOST = "127.0.0.1"
_CHUNK = 1 << 16


@asynccontextmanager
async def opened_port(server: EmbeddedPostgres, port: int) -> AsyncGenerator[int]:
    """A port of 127.0.0.1 that leads to the server's socket, within the block; 0: any that is free.

    Yields:
        The port.

    Raises:
        OSError: Somebody else has the port.
        StoreUnavailableError: There is no cluster yet.
    """
    parts = conninfo_to_dict(server.conninfo())
    socket = str(Path(str(parts["host"])) / f".s.PGSQL.{parts['port']}")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_unix_connection(socket)
        except OSError:
            writer.close()  # the server was stopped meanwhile; the client says so
            return
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    listening = await asyncio.start_server(pass_on, LOCALHOST, port)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes until one side hangs up; then the other is hung up, too."""
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _until_stopped(server: EmbeddedPostgres, port: int, say: Callable[[str], None]) -> None:
    async with opened_port(server, port) as found:
        say(f"Connect to {LOCALHOST}, port {found}, database {DATABASE}, user {ROLE}.")
        say(f"The password is what follows the last colon in {server.passfile}.")
        say("Ctrl-C closes the port; the server goes on.")
        await asyncio.Event().wait()


def main(arguments: list[str] | None = None) -> int:
    """Opens the port until Ctrl-C; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=5433, help="of 127.0.0.1; 0 takes any that is free")
    port: int = parser.parse_args(arguments).port

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201  # a command's own output

    try:
        server = EmbeddedPostgres(load_settings().data_dir.postgres)
        server.start()
        asyncio.run(_until_stopped(server, port, say))
    except KeyboardInterrupt:
        return 0
    except (TaxiAssetsError, OSError) as error:
        hint = "; try another: --port 5434" if isinstance(error, OSError) else ""
        print(f"{type(error).__name__}: {error}{hint}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
