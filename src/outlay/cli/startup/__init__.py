"""The folder that ``outlay run`` puts on PYTHONPATH: Python imports its ``sitecustomize`` before the program."""
