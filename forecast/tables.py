"""The forecast as a table of staging, declared like all synced tables."""

from __future__ import annotations

from lake.search.tables import SOURCE
from sync.spec import Column, Table

SALES_FORECAST = Table(
    "sales_forecast",
    SOURCE,
    "forecast",
    key=("period", "category", "model"),
    columns=(
        Column("period", "text", "month as 2023-07, or year"),
        Column("category", "text", "category, or total for all of them"),
        Column("sales", "double precision", "forecast of the sum of the amounts"),
        Column("lower", "double precision", "lower end of the 80% interval; empty where there is none"),
        Column("upper", "double precision", "upper end of the 80% interval; empty where there is none"),
        Column("model", "text", "method of the model that forecast it, or pretrained"),
    ),
    description="Forecast sales by month and category, with an interval; the landed model's row is a year's.",
)
