"""``python -m outlay.cli``: the same as ``outlay``, for an environment whose scripts are not on the path."""

from outlay.cli import main

main()
