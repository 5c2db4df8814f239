"""What every production warehouse has to do, written against `sync/warehouses/contract.py`.

Each test runs on every kit of `kits.py`: a server, how to empty it and how to meddle with it behind the
platform's back. A further system is a further kit there.
"""
