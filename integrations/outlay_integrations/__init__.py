"""What ships with outlay: transports, wire formats, providers.

They register like anyone's, by entry points, and import nothing of outlay but ``outlay.integration``.
"""
