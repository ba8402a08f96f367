"""What wakes people up: one type of alert, and its way to them."""
