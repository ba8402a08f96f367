"""Prices: the compiled table, the user's price book over it, and the arithmetic."""

from outlay.pricing.prices import Prices

__all__ = ["Prices"]
