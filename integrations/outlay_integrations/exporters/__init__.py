"""Places that records are delivered to: each module is one backend."""
