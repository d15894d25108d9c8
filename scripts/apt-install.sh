#!/bin/sh
# Installs the Debian packages given as arguments. Run as root.
set -eu
export DEBIAN_FRONTEND=noninteractive

# The tests start servers of their own: the packages' services stay off (see invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi

apt-get update -q
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
