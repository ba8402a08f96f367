"""What the bytes of a request and its answer mean: recognising a model call, watching its answer, reading its usage."""
