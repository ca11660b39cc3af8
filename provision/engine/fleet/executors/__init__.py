"""Where the work at sites runs: in this process, in others on this machine, or on a Dask cluster."""
