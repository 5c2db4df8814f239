#!/usr/bin/env bash
# From an empty project to the running platform on GKE: deploy/kubernetes/gke.sh PROJECT REGION
# Needs docker and gcloud, logged in, besides what install.sh needs, and the URLs that it reads.
set -euo pipefail
project=${1:?usage: $0 PROJECT REGION}
region=${2:?usage: $0 PROJECT REGION}
here=$(cd "$(dirname "$0")" && pwd)
cluster=${CLUSTER:-softcart}
registry=$region-docker.pkg.dev/$project/softcart
image=$registry/softcart:$(git -C "$here" rev-parse --short=12 HEAD)

gcloud services enable container.googleapis.com artifactregistry.googleapis.com --project "$project"
gcloud artifacts repositories describe softcart --project "$project" --location "$region" >/dev/null 2>&1 ||
    gcloud artifacts repositories create softcart --project "$project" --location "$region" --repository-format docker
gcloud auth configure-docker "$region-docker.pkg.dev" --quiet
docker build --tag "$image" "$here/../.."
docker push "$image"
gcloud container clusters describe "$cluster" --project "$project" --location "$region" >/dev/null 2>&1 ||
    gcloud container clusters create-auto "$cluster" --project "$project" --location "$region"
gcloud container clusters get-credentials "$cluster" --project "$project" --location "$region"
exec "$here/install.sh" "$image"
