#!/bin/sh
# Makes Temporal's two databases, or brings them to this version's schema. Safe to repeat.
set -eu

prepare() {
  database=$1
  schema=$2
  sql() {
    temporal-sql-tool --plugin postgres12 --endpoint temporal-database --port 5432 --user temporal \
      --database "$database" "$@"
  }
  sql create
  # Sets the version 0.0 in an empty database; one that has a version keeps it.
  sql setup-schema --version 0.0
  sql update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/$schema/versioned"
}

prepare temporal temporal
prepare temporal_visibility visibility
