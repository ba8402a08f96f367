"""Who bills for Parrot's models, and on which hosts."""

from __future__ import annotations

from outlay.integration import Provider

PARROT = Provider(name="parrot", hosts=("api.parrot.example", "*.parrot.example"), free=("perches",))
