"""What can be set, where it may stand, and the folder that outlay keeps its files in."""

from outlay.config.folder import data_folder, writable
from outlay.config.load import load
from outlay.config.settings import Settings

__all__ = ["Settings", "data_folder", "load", "writable"]
