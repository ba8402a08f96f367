"""HTTP clients that calls are metered at, one file each."""
