"""Spikes: what runs away is found in minutes, with the reason and the dollars, and without noise."""
