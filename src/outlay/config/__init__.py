"""What can be set, where it may stand, and the folder that outlay keeps its files in."""

from outlay.config.folder import data_folder, working_folder, writable
from outlay.config.load import DEFAULTS, load, traced
from outlay.config.settings import Settings

__all__ = ["DEFAULTS", "Settings", "data_folder", "load", "traced", "working_folder", "writable"]
