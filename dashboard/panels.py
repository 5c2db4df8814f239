"""What the dashboard shows, in its order. A panel is added to a section of its subject's module."""

from dashboard import forecast, history, sales, stock
from dashboard.panel import Section

SECTIONS: tuple[Section, ...] = (
    sales.PANELS,
    forecast.PANELS,
    Section("stock", "Stock", (stock.PANEL,)),
    history.PANELS,
)
