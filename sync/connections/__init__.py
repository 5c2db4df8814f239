"""How to reach a system: its URLs, connecting to it, and what its errors mean. A module a system."""
