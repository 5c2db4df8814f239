"""What the dashboard shows, in its order. A panel is added to a section of its subject's module."""

from dashboard import forecast, goods, history, sales, web
from dashboard.panel import Section

SECTIONS: tuple[Section, ...] = (
    sales.PANELS,
    forecast.PANELS,
    goods.PANELS,
    web.PANELS,
    history.PANELS,
)
