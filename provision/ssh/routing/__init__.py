"""The way to a host: OpenSSH's configuration, jump hosts, commands in between."""
