"""A warehouse that speaks SQL through a DB-API connection, whatever its system: a dialect says how.

Here DDL is taken to commit: it comes before the transaction of rows and after it, and rows are staged in
portions that commit. A table whose rows are loaded anew is made beside itself and put in its place.
"""
