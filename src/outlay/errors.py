"""Every exception that outlay raises on purpose. Each message is one sentence that says what to do."""

from __future__ import annotations


class OutlayError(Exception):
    """Base of outlay's own exceptions: catch it to catch them all."""


class ConfigError(OutlayError, ValueError):
    """A setting, a file of settings or a price book can't be used as written."""


class UnknownPrice(OutlayError, LookupError):
    """No price is known for a model, or for one of the usage classes asked about."""


class LedgerError(OutlayError):
    """The ledger can't be read: newer than this outlay, damaged, or not there."""


class MissingExtra(OutlayError, ImportError):
    """A part was asked for whose package is not installed; the message holds the pip line."""
