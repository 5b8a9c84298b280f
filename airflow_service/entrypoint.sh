#!/bin/sh
# Writes the password of Airflow's user where its login looks for it, then becomes the command.
set -eu
umask 077
if [ -n "${AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE:-}" ]; then
  python -c 'import json, os
login = {os.environ["RECSYS_AIRFLOW_USER"]: os.environ["RECSYS_AIRFLOW_PASSWORD"]}
with open(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"], "w") as file:
    json.dump(login, file)'
fi
umask 022
exec "$@"
