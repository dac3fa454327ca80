#!/bin/sh
# Installs what tests need besides Python, where that is possible; says what is missing where it is not.
packages=""
command -v chromium >/dev/null || command -v google-chrome >/dev/null || packages="$packages chromium"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || packages="$packages postgresql"
command -v redis-server >/dev/null || command -v valkey-server >/dev/null || packages="$packages redis-server"
command -v node >/dev/null || packages="$packages nodejs"
[ -n "$packages" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing$packages …"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages fonts-dejavu-core; } >/dev/null 2>&1 ||
        echo "Left out: tests that need$packages, which could not be installed."
else
    echo "Left out: tests that need$packages (install them, or run as root on Debian)."
fi
exit 0
