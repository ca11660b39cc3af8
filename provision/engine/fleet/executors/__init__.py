"""Executors of the work at sites: this process, others on this machine, or a Dask cluster."""
