"""Transports, wire formats and exporters that ship with outlay, registered like anyone's and importing only ``outlay.integration``."""
