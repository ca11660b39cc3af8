"""Install python3 on a ban host that has none: by the shell, since the agent cannot run yet."""

from __future__ import annotations

import base64
import shlex

from provision.linux.agent.coming import record_coming

# Seconds that the installation of python3 waits for locks, as apt.py of the agent does.
PATIENCE = 600
# apt records the packages before it installs them, for the manifest to take over. They are added to those of
# an interrupted installation. Nothing is recorded before all of them are downloaded.
_INSTALL_PYTHON = r"""
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
left=PATIENCE memory=ROOT/var/lib/banstitch
command -v apt-get >/dev/null && [ -d ROOT/run/systemd/system ] || {
  . /etc/os-release
  echo "this host ($PRETTY_NAME) does not run both systemd and apt, as a ban host must"
  exit 1
}
apt() {
  until said=$(apt-get -y -q --no-install-recommends -oDPkg::Lock::Timeout=0 "$@" 2>&1 </dev/null); do
    case $said in
    *"Could not get lock"*)
      [ $left -gt 0 ] || return 1
      : ${waited:=$(printf '%s' "$said" | sed -n '/Could not get lock/{s/^E: //;p;q}')}
      sleep 2; left=$((left-2));;
    *"dpkg was interrupted"*)
      [ -z "$mended" ] || return 1
      mended=yes
      said=$(dpkg --configure -a 2>&1 </dev/null) || return 1;;
    *) return 1;;
    esac
  done
}
get() {
  mkdir -p -m 700 $memory
  apt OPTIONS install python3
}
retry() {
  case $said in *"Sub-process "*) return 1;; esac
  apt update
  update=$said
  get
}
get || retry || {
  [ -s $memory/bootstrap ] && dpkg-query -W $(cat $memory/bootstrap) 2>/dev/null | grep -q . || {
    rm -f $memory/bootstrap
    rmdir $memory 2>/dev/null
  }
  printf '%s\n' "$update" "$said" | grep -E '^(E:|W:|Err:|dpkg: error| )' | cut -c 1-300 | tail -n 9
  [ $left -gt 0 ] || echo "waited PATIENCE s for it"
  exit 1
}
[ -z "$waited" ] || echo "waited $((PATIENCE-left)) s: $waited"
"""


def build_script(patience: int = PATIENCE, root: str = "") -> str:
    """Return the shell commands that install python3, as one line.

    They wait ``patience`` seconds for locks. The record is below ``root``.
    """
    options = shlex.join(record_coming(f"{root}/var/lib/banstitch/bootstrap"))
    text = _INSTALL_PYTHON.replace("OPTIONS", options).replace("PATIENCE", str(patience))
    text = text.replace("ROOT", root)
    return f'eval "$(echo {base64.b64encode(text.encode()).decode()} | base64 -d)"'
