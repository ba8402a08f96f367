"""Limits that hold: windows, reservations and leases, and the stores that keep them."""
