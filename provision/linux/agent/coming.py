"""Let apt record the packages that come with an installation, before dpkg unpacks the first.

apt runs its hooks after everything is downloaded, and installs nothing if one of them fails. So one run of
apt-get is enough, where a simulation to learn the names would take as long as the installation itself.
"""

from __future__ import annotations

import os

# Each line of apt has the package, its installed version ("-": none) and architecture, "<", the same of the
# new one, and its file. A package that is only upgraded was there before and does not count. The shell reads
# this in double quotes, so that the host's own architecture is not part of a name.
_NEW = (
    r"s,^\([^ ]*\) - .* \(all\|$(dpkg --print-architecture)\) [a-z]* /.*,\1,p;t;"
    r"s,^\([^ ]*\) - .* \([^ ]*\) [a-z]* /.*,\1:\2,p"
)


def record_coming(path: str) -> tuple[str, ...]:
    """Return the options of apt-get that add the names of all new packages to the file ``path``."""
    hook = f'sed -n "{_NEW}" >>{path} && sync {path} {os.path.dirname(path)}'
    return (
        f"-oDPkg::Pre-Install-Pkgs::={hook}",
        # the version of the lines, for the hook whose first word is this
        "-oDPkg::Tools::Options::sed::Version=3",
    )
