"""Put landing files into the shop's databases and staging, idempotently. Knows no Dagster.

Each file is declared once (`files`), read line by line (`csv_reader`, `json_reader`) and merged by a store
(`mysql_store`, `postgres_store`, `mongodb_store`), which remembers what it landed in the database that the
rows went to, in the same transaction. `land` is what all of them have in common. The functions to call are
in `shop`, `catalog`, `history`, `seed` and `dump`.
"""
