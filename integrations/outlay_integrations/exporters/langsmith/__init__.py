"""LangSmith: runs, by its client's batched multipart route."""
