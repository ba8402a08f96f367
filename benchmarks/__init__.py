"""What outlay costs, beside the bare client and its peers: `python -m benchmarks`; docs/performance.md tells."""
