"""The demo shop: landing files from a seed (`files`), and live traffic on the databases (`traffic`).

Nothing in the platform imports it; the shop it makes is landed like anybody's files.
"""

from demo.files import generate

__all__ = ["generate"]
