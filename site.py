"""The playbook, as site.yml is: which group of the inventory gets which roles, in this order."""

from provision.cli import main
from provision.sites import Play

if __name__ == "__main__":
    raise SystemExit(
        main(
            (
                Play("ban_hosts", ("detection", "receiver")),
                Play("fortigates", ("webhook", "feed", "enforcement")),
            )
        )
    )
