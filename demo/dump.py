"""The current sales as a dump that phpMyAdmin or mysqldump would have made of MySQL's `sales.sales_data`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from demo.sales import DaySales

_ROWS_PER_INSERT = 5000

_HEADER = """\
-- SQL Dump
-- Host: shop-db:3306
-- Server version: 8.0.36

SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
SET time_zone = "+00:00";

/*!40101 SET NAMES utf8mb4 */;

--
-- Database: `sales`
--

--
-- Table structure for table `sales_data`
--

CREATE TABLE `sales_data` (
  `rowid` int NOT NULL,
  `product_id` int NOT NULL,
  `customer_id` int NOT NULL,
  `quantity` int NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;

--
-- Dumping data for table `sales_data`
--

"""

_FOOTER = """\
--
-- Indexes for table `sales_data`
--
ALTER TABLE `sales_data`
  ADD PRIMARY KEY (`rowid`);

--
-- AUTO_INCREMENT for table `sales_data`
--
ALTER TABLE `sales_data`
  MODIFY `rowid` int NOT NULL AUTO_INCREMENT, AUTO_INCREMENT={next_rowid};
COMMIT;
"""


def dump_text(sales: Iterable[DaySales]) -> Iterator[str]:
    """The dump in pieces; `rowid` counts the sales from 1. An INSERT stays far below max_allowed_packet."""
    yield _HEADER
    rowid = count(1)
    for day in sales:
        rows = [
            f"({next(rowid)}, {product}, {customer}, {quantity})"
            for product, customer, quantity in zip(day.product_id, day.customer_id, day.quantity, strict=True)
        ]
        for start in range(0, len(rows), _ROWS_PER_INSERT):
            yield "INSERT INTO `sales_data` (`rowid`, `product_id`, `customer_id`, `quantity`) VALUES\n"
            yield ",\n".join(rows[start : start + _ROWS_PER_INSERT]) + ";\n"
    yield _FOOTER.format(next_rowid=next(rowid))
