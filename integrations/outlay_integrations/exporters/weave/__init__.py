"""W&B Weave: calls, and the prices by which it computes their cost, over its trace server's own routes.

The package weave is not imported: that alone patches the application (PIL's and moviepy's locks) and takes most of a
second, and its client tries again by itself for minutes without saying so.
"""
