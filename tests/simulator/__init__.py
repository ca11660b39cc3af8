"""A FortiOS simulator: an SSH server that keeps a configuration and speaks the CLI.

    from tests.simulator import Simulator, Options

    with Simulator(Options(version="7.4.8", hostname="FGT-A", console="more")) as fortigate:
        fortigate.address, fortigate.port          # 127.0.0.1 and a free port
        fortigate.host_key_line               # one line for a known_hosts file
        fortigate.show()                      # the whole `show`; ENC blobs differ at every call
        fortigate.run("config ...")           # type lines as an operator, e.g. to make drift
        fortigate.log_event('logid="0101039426" remip=...')   # really POSTs; return deliveries
        fortigate.poll_feeds()                # fetch the feeds now
        fortigate.feeds.feed("NAME")          # state of a feed: ranges, errors, fetches, etag, error
        fortigate.denies("203.0.113.7")       # ["ssl_vpn", "local_in", "policy"] that refuse it
        fortigate.journal                     # every line typed over SSH
        fortigate.journal.changing()          # those that could change the FortiGate
        fortigate.journal.exchanges()         # how often a client waited for a prompt or pager
        fortigate.faults                      # cut the connection, answer errors, be slow, print messages

Written from the vendor's papers and published captures, never from what our product sends; it
imports nothing of the product and the product imports nothing of it. `python -m
tests.simulator --help` runs one on its own.
"""

from tests.simulator.faults import Faults, Notice
from tests.simulator.journal import Journal, Line
from tests.simulator.options import Options
from tests.simulator.simulator import Simulator
from tests.simulator.webhook import Delivery

__all__ = ["Delivery", "Faults", "Journal", "Line", "Notice", "Options", "Simulator"]
