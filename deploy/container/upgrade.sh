#!/usr/bin/env bash
# Rolls a new version out on the installation of docker-compose.yml: deploy/container/upgrade.sh VERSION
#
# The image talentline:VERSION must be there. Tables first (a release runs on the next one's tables), then one service
# after the other: new containers beside the old ones, and the old ones end when the new ones are healthy. Work goes on
# meanwhile. The web door does that only if TALENTLINE_PUBLISH is a range of ports; else it is away for some seconds, and
# survey tools send again. Back to an older version: the same, with its name. Afterwards set TALENTLINE_VERSION in .env.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# = 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
export TALENTLINE_VERSION=$1
docker image inspect "talentline:$1" >/dev/null || { echo "there is no image talentline:$1: build or load it first" >&2; exit 1; }

echo "tables"
docker compose run --rm --no-deps migrate
for service in web worker-intake worker-scoring worker-reporting; do
  mapfile -t old < <(docker compose ps --quiet "$service")
  echo "$service: ${#old[@]} container(s)"
  if [ "$service" = web ] && [[ ${TALENTLINE_PUBLISH:-} != *-* ]]; then
    docker compose up --detach --wait --no-deps --no-build web
    continue
  fi
  docker compose up --detach --wait --no-deps --no-build --no-recreate --scale "$service=$((2 * ${#old[@]}))" "$service"
  for each in "${old[@]}"; do
    docker stop --time 35 "$each" >/dev/null
    docker rm "$each" >/dev/null
  done
done
echo "now at $TALENTLINE_VERSION"
