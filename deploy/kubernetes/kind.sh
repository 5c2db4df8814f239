#!/usr/bin/env bash
# From nothing to the running platform on this machine: deploy/kubernetes/kind.sh
# Needs docker and kind besides what install.sh needs, and the URLs that it reads.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cluster=${CLUSTER:-softcart}

kind get clusters | grep --quiet --line-regexp "$cluster" || kind create cluster --name "$cluster" --wait 5m
docker build --tag softcart:local "$here/../.."
kind load docker-image softcart:local --name "$cluster"
kubectl config use-context "kind-$cluster"
exec "$here/install.sh" softcart:local
