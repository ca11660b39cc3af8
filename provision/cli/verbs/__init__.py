"""The verbs of the command line, in the order of the help.

The work of a verb, and the packages that it needs, are imported when it is called: `--help` needs none.
"""

from provision.cli.verbs import deployment, operation
from provision.cli.verbs.completion import completion
from provision.cli.verbs.passwords import hash_password
from provision.cli.verbs.share_ca import share_ca

VERBS = (
    deployment.check,
    deployment.render,
    deployment.plan,
    deployment.apply,
    deployment.show,
    deployment.merge,
    deployment.verify,
    deployment.teardown,
    operation.bans,
    operation.ban,
    operation.unban,
    operation.allow,
    operation.unallow,
    operation.shield,
    operation.rotate,
    operation.status,
    operation.alarms,
    operation.replay,
    hash_password,
    share_ca,
    completion,
)
