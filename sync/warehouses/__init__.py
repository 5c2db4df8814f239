"""Production warehouses: staging's star and reports mirrored into them, compared with them, adopted by them.

`contract.py` says what a system has to offer; `mirror.py`, `verify.py` and `adopt.py` are written once on top
of it. A system is a package here; docs/extending-a-warehouse.md goes through it file by file.
"""
