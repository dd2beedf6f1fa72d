#!/usr/bin/env bash
# Builds the image, starts everything in docker-compose.yml in a project of its own, runs the pilot cohort through it,
# then more cohorts while containers are killed, PostgreSQL crashes, Valkey restarts and a new version is rolled out;
# counts what arrived; takes everything down. Needs Docker with Compose, and nothing else. Exit status 0: all promises held.
#
#   deploy/verify.sh [--keep]     --keep: leave it running at the end (what to do then is printed)
#
# Settings: VERIFY_PORT (18360; three ports from there on), VERIFY_BUILD_OPTIONS (for docker build, such as --network host).
# It reads no .env: nothing of a real installation, above all no mail server, is touched.
set -euo pipefail
cd "$(dirname "$0")/.."
keep=""; [ "${1:-}" = --keep ] && keep=1
port=${VERIFY_PORT:-18360}
for name in $(env | sed -n 's/^\(TALENTLINE_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
export COMPOSE_PROJECT_NAME=talentline-verify COMPOSE_FILE=docker-compose.yml COMPOSE_ENV_FILES=/dev/null COMPOSE_PROGRESS=quiet
unset COMPOSE_PROFILES
export TALENTLINE_VERSION=verify-1 TALENTLINE_WORKERS_SCORING=2
export TALENTLINE_PUBLISH=127.0.0.1:$port-$((port + 1)) TALENTLINE_MAIL_PAGE_PUBLISH=127.0.0.1:$((port + 2))

scratch=$(mktemp -d)
echo TALENTLINE_LEASE_SECONDS=5 >"$scratch/env" # what a killed worker had in hand passes on sooner
export TALENTLINE_ENV_FILE=$scratch/env

began=$SECONDS problems=0
say() { printf '%4d s  %s\n' $((SECONDS - began)) "$*"; }
step() { printf '\n'; say "== $*"; }
check() { # words, command…
  local words=$1 said; shift
  if said=$("$@" 2>&1); then say "ok       $words${said:+: $(tail -n 1 <<<"$said")}"
  else problems=$((problems + 1)); say "PROBLEM  $words"; tail -n 15 <<<"$said" | sed 's/^/          /'; fi
}
built() { docker build --quiet "$@" >"$scratch/said" 2>&1 || { cat "$scratch/said"; exit 1; }; }
compose() { docker compose "$@"; }
outside() { docker exec "$COMPOSE_PROJECT_NAME-outside" python -m deploy.rehearsal "$@"; }
must() { local before=$problems; check "$@"; [ $problems = "$before" ] || exit 1; }
ended() { # words, process: it ended well; its last line
  if wait "$2"; then say "ok       $1: $(tail -n 1 "$scratch/said")"
  else problems=$((problems + 1)); say "PROBLEM  $1"; tail -n 15 "$scratch/said" | sed 's/^/          /'; fi
}
first() { compose ps --quiet "$1" | sed -n 1p; } # not head, which may break the pipe
crash() { # service, user: every process in its first container is killed; the restart policy brings it back
  local one; one=$(first "$1")
  docker exec --user "$2" "$one" sh -c 'kill -9 -1' || true
  say "killed   $1"
}
all_healthy() { compose up --detach --wait --no-build --no-recreate; }
restarted() { # service: its first container was started again by Docker
  [ "$(docker inspect --format '{{.RestartCount}}' "$(first "$1")")" -ge 1 ]
}
unprivileged() {
  local id bad=""
  for id in $(compose ps --quiet); do
    docker inspect --format '{{if and .HostConfig.ReadonlyRootfs .Config.Healthcheck (not .HostConfig.Privileged)}}fine{{end}}' "$id" | grep -q fine \
      || bad+=" $(docker inspect --format '{{.Name}}' "$id")"
  done
  for id in web worker-intake worker-scoring worker-reporting; do
    [ "$(docker exec "$(first $id)" id -u)" = 10001 ] || bad+=" $id"
  done
  [ -z "$bad" ] || { echo "not so:$bad"; return 1; }
}
down() {
  docker rm --force "$COMPOSE_PROJECT_NAME-outside" >/dev/null 2>&1 || true
  compose --profile monitoring down --volumes --remove-orphans --timeout 40 >/dev/null 2>&1 || true
}
finish() {
  local status=$?
  if [ $status != 0 ]; then compose ps --all || true; compose logs --no-color --tail 20 || true; fi
  rm -rf "$scratch"
  if [ -n "$keep" ]; then
    echo "It runs on: web door 127.0.0.1:$port, mail page http://127.0.0.1:$((port + 2))."
    echo "Take it down: docker compose --project-name $COMPOSE_PROJECT_NAME down --volumes"
  else down; docker image rm talentline:verify-1 talentline:verify-2 >/dev/null 2>&1 || true; fi
}

docker compose version >/dev/null || { echo "this needs Docker with its Compose plug-in" >&2; exit 2; }
down
trap finish EXIT
trap 'exit 130' INT TERM

step "build and start"
# shellcheck disable=SC2086  # several options may be given
built ${VERIFY_BUILD_OPTIONS:-} --file deploy/container/Dockerfile --tag talentline:verify-1 .
say "image    $(docker image inspect --format '{{.Size}}' talentline:verify-1 | awk '{printf "%.0f MB", $1 / 1e6}')"
# The next release, as far as containers can tell: another image.
printf 'FROM talentline:verify-1\nLABEL release=2\n' | built --tag talentline:verify-2 -
compose up --detach --wait --no-build
compose run --detach --no-deps --name "$COMPOSE_PROJECT_NAME-outside" --entrypoint sleep web infinity >/dev/null
say "up       $(compose ps --services | wc -l) services, all healthy"
check "every container healthy, unprivileged, on a read-only file system" unprivileged
check "talentline check" compose exec -T web talentline check

step "the pilot cohort over HTTP, plans out by SMTP"
must "open" compose run --rm --no-deps -T --volume ./deploy/demo_cohort:/cohort:ro web cohort open /cohort
check "feed" outside feed pilot-p
check "settle" outside settle
check "first run" outside run pilot-p
check "two wait for evidence, five plans are out" outside count pilot-p --waiting 2
check "feed what comes late" outside feed --late pilot-p
check "settle" outside settle
check "second run" outside run pilot-p
check "seven plans are out, each once" outside count pilot-p

step "under faults: four cohorts while things die"
rounds=(round-1 round-2 round-3 round-4)
must "open" outside open "${rounds[@]}"
outside feed --seconds 30 "${rounds[@]}" >"$scratch/said" 2>&1 &
feeder=$!
sleep 4; crash worker-intake 10001
sleep 4; compose restart valkey; say "restarted Valkey: what was in it is gone"
sleep 3; crash worker-scoring 10001
sleep 3; crash postgres postgres
sleep 6; crash web 10001
check "postgres was started again by its restart policy" restarted postgres
sleep 3; compose restart postgres; say "restarted PostgreSQL"
ended "feed" $feeder
check "everything is up again" all_healthy
for each in worker-intake worker-scoring web; do check "$each was started again by its restart policy" restarted $each; done
check "settle" outside settle
outside run "${rounds[@]}" >"$scratch/said" 2>&1 &
runner=$!
sleep 2; crash worker-reporting 10001
ended "run" $runner
check "settle" outside settle
check "feed what comes late" outside feed --late "${rounds[@]}"
check "settle" outside settle
check "second run" outside run "${rounds[@]}"

step "a new version, rolled out while posts come in"
must "open" outside open rolled-1 rolled-2
outside feed --seconds 45 rolled-1 rolled-2 >"$scratch/said" 2>&1 &
feeder=$!
check "upgrade" deploy/container/upgrade.sh verify-2
export TALENTLINE_VERSION=verify-2
ended "feed" $feeder
check "nothing of the old version is left" sh -c '! docker compose ps --quiet web worker-intake worker-scoring worker-reporting | xargs docker inspect --format "{{.Config.Image}}" | grep -v verify-2'
check "settle" outside settle
check "feed what comes late" outside feed --late rolled-1 rolled-2
check "settle" outside settle
check "run" outside run rolled-1 rolled-2

step "the count"
compose ps --quiet | xargs docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' | while read -r name memory; do say "memory   ${name#"$COMPOSE_PROJECT_NAME-"} $memory"; done
check "nothing lost, nothing twice" outside count pilot-p "${rounds[@]}" rolled-1 rolled-2
check "talentline check" compose exec -T web talentline check
printf '\n'
if [ $problems = 0 ]; then say "all promises held"; else say "$problems problem(s)"; exit 1; fi
