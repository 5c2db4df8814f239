#!/usr/bin/env bash
# Install or upgrade the platform in the cluster that kubectl speaks to: deploy/kubernetes/install.sh IMAGE[:TAG]
#
# The shop is named by SOFTCART_MYSQL_URL and SOFTCART_MONGO_URL. With SOFTCART_STAGING_URL, SOFTCART_PRODUCTION_URL
# and SOFTCART_DAGSTER_URL the databases are yours; with none of them a PostgreSQL is installed beside the platform.
# Needs kubectl, helm 3.8 or later, openssl and python3.
set -euo pipefail
umask 077

image=${1:?usage: $0 IMAGE[:TAG]}
tag=${image##*:}
[[ $image == *:* && $tag != */* ]] || { tag=latest; image=$image:latest; }
namespace=${NAMESPACE:-softcart}
chart=${CHART:-dagster} # a folder or an archive where the cluster's network has no way to Dagster's repository
version=${CHART_VERSION:-1.13.27}
here=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

for tool in kubectl helm openssl python3; do
    command -v "$tool" >/dev/null || fail "$tool is not on PATH"
done
: "${SOFTCART_MYSQL_URL:?names the shop, to read}" "${SOFTCART_MONGO_URL:?names the catalog, to read}"

in_namespace() {
    kubectl --namespace "$namespace" "$@"
}

# A secret is piped as YAML: neither on a command line nor in a file.
secret() {
    local name=$1
    shift
    python3 - "$name" "$@" <<'PYTHON' | in_namespace apply --filename -
import base64, json, os, sys
name, *pairs = sys.argv[1:]
data = {key: base64.b64encode(os.environ[variable].encode()).decode()
        for key, _, variable in (pair.partition("=") for pair in pairs)}
print(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": data}))
PYTHON
}

part() {
    python3 -c '
import os, sys
from urllib.parse import unquote, urlsplit
url = urlsplit(os.environ["SOFTCART_DAGSTER_URL"])
print({"host": url.hostname, "port": url.port or 5432, "user": unquote(url.username or ""),
       "password": unquote(url.password or ""), "database": url.path.strip("/")}[sys.argv[1]])' "$1"
}

kubectl create namespace "$namespace" --dry-run=client --output yaml | kubectl apply --filename -

if [[ -z ${SOFTCART_STAGING_URL:-}${SOFTCART_PRODUCTION_URL:-}${SOFTCART_DAGSTER_URL:-} ]]; then
    password=$(in_namespace get secret softcart-dagster-storage --ignore-not-found \
        --output 'go-template={{index .data "postgresql-password" | base64decode}}' 2>/dev/null || true)
    password=${password:-$(openssl rand -hex 24)}
    for database in staging production dagster; do
        export "SOFTCART_${database^^}_URL=postgresql://softcart:$password@postgres:5432/$database"
    done
    export STORAGE_PASSWORD=$password
    own=yes
else
    for name in STAGING PRODUCTION DAGSTER; do
        variable=SOFTCART_${name}_URL
        [[ -n ${!variable:-} ]] || fail "$variable is not set: set all three databases, or none"
    done
    STORAGE_PASSWORD=$(part password)
    export STORAGE_PASSWORD
    own=no
fi

secret softcart-dagster-storage postgresql-password=STORAGE_PASSWORD
secret softcart-urls SOFTCART_MYSQL_URL=SOFTCART_MYSQL_URL SOFTCART_MONGO_URL=SOFTCART_MONGO_URL \
    SOFTCART_STAGING_URL=SOFTCART_STAGING_URL SOFTCART_PRODUCTION_URL=SOFTCART_PRODUCTION_URL \
    SOFTCART_DAGSTER_URL=SOFTCART_DAGSTER_URL
in_namespace apply --filename "$here/platform.yaml"

if [[ $own == yes ]]; then
    in_namespace create configmap softcart-databases --from-file="$here/../docker/databases.sql" \
        --dry-run=client --output yaml | in_namespace apply --filename -
    in_namespace apply --filename "$here/postgres.yaml"
    in_namespace rollout status statefulset/postgres --timeout 5m
fi

repository=${image%:*}
set_image=()
for path in dagsterWebserver.image dagsterDaemon.image 'dagster-user-deployments.deployments[0].image'; do
    set_image+=(--set-string "$path.repository=$repository" --set-string "$path.tag=$tag")
done
source=()
[[ -e $chart ]] || source=(--repo https://dagster-io.github.io/helm --version "$version")
helm upgrade softcart "$chart" "${source[@]}" --install --namespace "$namespace" --values "$here/values.yaml" \
    "${set_image[@]}" \
    --set-string "postgresql.postgresqlHost=$(part host)" --set-string "postgresql.postgresqlUsername=$(part user)" \
    --set-string "postgresql.postgresqlDatabase=$(part database)" --set "postgresql.service.port=$(part port)" \
    --wait --timeout 15m

echo "kubectl --namespace $namespace port-forward service/softcart-dagster-webserver 3000:80 opens http://127.0.0.1:3000"
