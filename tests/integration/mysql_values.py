"""Columns of every type of MySQL and MariaDB, with values at the edges of each."""

from __future__ import annotations

# MySQL's type, the PostgreSQL type it becomes, and pairs of a literal there and its text here.
Values = list[tuple[str, str, list[tuple[str, str]]]]

EVERYWHERE: Values = [
    ("TINYINT(1)", "smallint", [("0", "0"), ("2", "2"), ("-128", "-128")]),
    ("TINYINT UNSIGNED", "smallint", [("255", "255")]),
    ("SMALLINT UNSIGNED", "integer", [("65535", "65535")]),
    ("MEDIUMINT", "integer", [("-8388608", "-8388608")]),
    ("INT UNSIGNED ZEROFILL", "bigint", [("4294967295", "4294967295"), ("7", "7")]),
    ("BIGINT", "bigint", [("-9223372036854775808", "-9223372036854775808")]),
    ("BIGINT UNSIGNED", "numeric(20,0)", [("18446744073709551615", "18446744073709551615")]),
    ("DECIMAL(65,30)", "numeric(65,30)", [(f"-{'9' * 35}.{'9' * 30}", f"-{'9' * 35}.{'9' * 30}")]),
    ("DECIMAL(5,0)", "numeric(5,0)", [("-12345", "-12345")]),
    ("DECIMAL(8,2) ZEROFILL", "numeric(8,2)", [("1.5", "1.50")]),
    ("FLOAT", "real",
     [("16777216", "1.6777216e+07"), ("0.1", "0.1"), ("-3.4028235e38", "-3.4028235e+38"), ("1e-45", "1e-45"),
      ("-1e-300", "-0")]),
    ("DOUBLE", "double precision",
     [("1.7976931348623157e308", "1.7976931348623157e+308"), ("5e-324", "5e-324"), ("0.1", "0.1"),
      ("2.2250738585072014e-308", "2.2250738585072014e-308"), ("123456789.123456789", "123456789.12345679")]),
    ("DOUBLE(10,2)", "double precision", [("1234.565", "1234.57")]),
    ("BIT(1)", "bigint", [("b'1'", "1")]),
    ("BIT(8)", "bigint", [("b'10100000'", "160")]),
    ("BIT(64)", "numeric(20,0)", [("0xFFFFFFFFFFFFFFFF", "18446744073709551615")]),
    ("DATE", "date", [("'9999-12-31'", "9999-12-31"), ("'0001-01-01'", "0001-01-01")]),
    ("DATETIME(6)", "timestamp(6) without time zone",
     [("'2024-02-29 23:59:59.999999'", "2024-02-29 23:59:59.999999")]),
    ("DATETIME", "timestamp(0) without time zone",
     # The second is one that Berlin's clocks skip.
     [("'1000-01-01 00:00:00'", "1000-01-01 00:00:00"), ("'2024-03-31 02:30:00'", "2024-03-31 02:30:00")]),
    ("TIMESTAMP(6) NULL", "timestamp(6) with time zone",
     # The second that Berlin's clocks show twice, in summer time and in winter time.
     [("FROM_UNIXTIME(1729989000.5)", "2024-10-27 00:30:00.5+00"),
      ("FROM_UNIXTIME(1729992600)", "2024-10-27 01:30:00+00")]),
    ("TIME", "interval",
     [("'-838:59:59'", "-838:59:59"), ("'838:59:59'", "838:59:59"), ("'-0:0:1'", "-00:00:01")]),
    ("TIME(6)", "interval",
     [("'25:00:00.000001'", "25:00:00.000001"), ("'-00:00:00.000001'", "-00:00:00.000001")]),
    ("YEAR", "smallint", [("2155", "2155"), ("0", "0")]),
    ("CHAR(5)", "text", [("'ab   '", "ab"), ("'NULL'", "NULL")]),
    ("VARCHAR(50) CHARACTER SET latin1", "text", [("'Zoë € trailing  '", "Zoë € trailing  ")]),
    ("VARCHAR(50) CHARACTER SET utf16", "text", [(r"'😀\tΩ'", "😀\tΩ")]),
    ("VARCHAR(50) CHARACTER SET sjis", "text", [("_sjis x'8340835C3F'", "ァソ?")]),
    ("CHAR(50) CHARACTER SET cp1250", "text", [("'Łódź?'", "Łódź?")]),
    ("VARCHAR(50) COLLATE utf8mb4_unicode_ci", "text",
     [(r"'tab\tnewline\nreturn\rback\\slash'", "tab\tnewline\nreturn\rback\\slash"), (r"'\\N'", "\\N"),
      ("''", ""), (r"'\\.'", "\\."), ("'😀 Ω \u2028'", "😀 Ω \u2028")]),
    ("LONGTEXT", "text", [("REPEAT('xyz', 1000)", "xyz" * 1000)]),
    (r"ENUM('plain','back\\slash','tab\t','it''s','b,c')", "text",
     [(r"'back\\slash'", "back\\slash"), (r"'tab\t'", "tab\t"), ("'it''s'", "it's"), ("'b,c'", "b,c"),
      ("'none of them'", "")]),
    ("SET('a','b','c')", "text", [("'c,a'", "a,c"), ("''", "")]),
    ("BINARY(4)", "bytea", [("x'00'", "\\x00000000"), ("'\\\\n\t'", "\\x5c6e0900")]),
    ("VARBINARY(10)", "bytea", [("''", "\\x"), ("x'00FF00'", "\\x00ff00")]),
    ("BLOB", "bytea", [("x'0009'", "\\x0009"), ("''", "\\x")]),
    ("POINT", "bytea",
     [("ST_GeomFromText('POINT(1 2)')", "\\x000000000101000000000000000000f03f0000000000000040")]),
    ("INT GENERATED ALWAYS AS (5 * 2) STORED", "integer", [("DEFAULT", "10")]),
    ("VARCHAR(9) GENERATED ALWAYS AS (CONCAT('a', 'b')) VIRTUAL", "text", [("DEFAULT", "ab")]),
    ("INT INVISIBLE", "integer", [("7", "7")]),
]  # fmt: skip

MARIADB: Values = [
    ("UUID", "uuid", [("'123E4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000")]),
    ("INET4", "inet", [("'10.0.0.1'", "10.0.0.1/32")]),
    ("INET6", "inet", [("'2001:db8::1'", "2001:db8::1/128"), ("'::ffff:1.2.3.4'", "::ffff:1.2.3.4/128")]),
    ("JSON", "text", [("""'{"b": 1.50, "a": 1e400}'""", """{"b": 1.50, "a": 1e400}""")]),
    ("ENUM('a','é') CHARACTER SET binary", "text", [("'é'", "é")]),
    ("VARCHAR(20) COMPRESSED", "text", [("'aé'", "aé")]),
]  # fmt: skip

MYSQL: Values = [
    ("JSON", "jsonb",
     [(r"""'{"a": 18446744073709551615, "b": "\\u03a9\\t"}'""",
       r"""{"a": 18446744073709551615, "b": "Ω\t"}"""),
      ("'null'", "null"), ("'[1.0, 1e300]'", f"[1.0, 1{'0' * 300}]")]),
    ("VECTOR(2)", "bytea", [("TO_VECTOR('[1,2]')", "\\x0000803f00000040")]),
    ("DOUBLE", "double precision", [("-0e0", "-0")]),
]  # fmt: skip
