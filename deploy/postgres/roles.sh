#!/bin/bash
# Two databases, two roles, neither of which can read the other's data or make more of either.
#
# The postgres image runs this once, when its volume is empty. It may be run again at any time, and does no harm: that is
# how a new password takes effect (docs/deploy.md, "Secrets").
set -euo pipefail

owner_of() { # role database secret
    local password
    password=$(<"/run/secrets/$3")
    if [ -z "$password" ]; then
        echo "/run/secrets/$3 is empty; make one on the host with: deploy/make-secrets" >&2
        exit 1
    fi
    # On standard input, so that no password appears in the list of processes; not logged either, whatever the settings.
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres \
        --set role="$1" --set database="$2" <<SQL
set log_statement = 'none'; set log_min_error_statement = 'panic';
\set password \`cat /run/secrets/$3\`
select format('create role %I', :'role') where not exists (select from pg_roles where rolname = :'role') \gexec
alter role :"role" login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password :'password';
select format('create database %I owner %I', :'database', :'role')
 where not exists (select from pg_database where datname = :'database') \gexec
revoke all on database :"database" from public;
SQL
}

owner_of dagster dagster dagster_password
owner_of taxi_assets ny_taxi taxi_assets_password
# Every role may connect to these by default. Nothing is kept in them, and nobody but the superuser needs them.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
revoke all on database postgres, template1 from public;
SQL
echo "roles dagster and taxi_assets, databases dagster and ny_taxi are in place"
