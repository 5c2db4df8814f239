"""Our own reader of MySQL's and MariaDB's binlog: which keys changed, up to a bound.

`changes.read_changes` is the way in. Nothing of a row is decoded but its key: the rows themselves are re-read
from the source. `dump` and `packets` get the stream, `reader` walks through its `events`; `table_map`,
`layout` and `rows` find the keys in row images, `values` turns them into values, `statements` says what a
statement did to a table, `gtids` and `position` say where in the log something stands, `witness` whether the
log is still that one.
"""
