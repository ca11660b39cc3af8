"""The playbook, as site.yml is: which group of the inventory gets which roles, in this order."""

import sys

try:
    from provision.cli.main import main
    from provision.sites.builder import Play
except ImportError as error:
    remedy = "run `make venv`, then `. .venv/bin/activate`"
    sys.stderr.write(f"site.py cannot start: {error}; {remedy}\n")
    raise SystemExit(3) from None

if __name__ == "__main__":
    raise SystemExit(
        main(
            (
                Play("ban_hosts", ("detection", "receiver")),
                Play("fortigates", ("webhook", "feed", "enforcement")),
            )
        )
    )
