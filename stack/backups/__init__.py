"""Backup and restore of what the platform knows, by the servers' own tools.

`parts.py` says what a backup is made of and by which tool; `backup.py` makes one, `restore.py` puts one back.
"""
