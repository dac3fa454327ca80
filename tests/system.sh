#!/bin/sh
# Installs what tests need besides Python where that is possible (as root, with apt); says what is missing elsewhere.
packages=""
command -v chromium >/dev/null || command -v google-chrome >/dev/null || packages="$packages chromium fonts-dejavu-core"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || packages="$packages postgresql"
command -v redis-server >/dev/null || command -v valkey-server >/dev/null || packages="$packages redis-server"
command -v node >/dev/null || packages="$packages nodejs"
# For `make grown`, which goes with the slow tests.
[ -z "$CI$SLOW" ] || [ -x /usr/sbin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null || packages="$packages rabbitmq-server"
"${PYTHON:-python3}" -c "import ensurepip" 2>/dev/null || packages="$packages python3-venv"
[ -n "$packages" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing$packages …"
    export DEBIAN_FRONTEND=noninteractive
    if { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } >&2; then exit 0; fi
fi
echo "Left out: tests that need$packages (install them, or run as root on Debian)."
test -z "$CI"
