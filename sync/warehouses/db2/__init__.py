"""IBM Db2 for Linux, UNIX and Windows, Db2 on Cloud among them, as production, through IBM's driver ibm_db.

`dialect.py` is Db2, `derby.py` what Apache Derby says in another way: it stands in for Db2 on a developer's
machine. What of this a stand-in has shown is in docs/warehouses.md, the types are in docs/types.md.
"""
