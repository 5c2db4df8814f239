"""The shop's web log: its addresses cleaned and archived, its lines parsed. Knows no Dagster.

`files` finds the log and its rotated parts, `logs` recognises what of them was read before, `reading` hands
on whole lines from there, and `state` keeps in staging how far each reader came. The readers are
`addresses` (the address of each line, without the banned ones, into an archive) and `requests` (all fields,
as Parquet by day, with `devices`); `traffic` counts what `requests` has.
"""
