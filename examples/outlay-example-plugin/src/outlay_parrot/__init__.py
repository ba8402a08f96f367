"""Meter the calls of Parrot's models."""
