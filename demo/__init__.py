"""The demo shop: landing files from a seed, and live traffic."""
