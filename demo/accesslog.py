"""The demo shop's web log in Apache's combined format: a week of visitors and robots, with errors, a line
that is malformed and addresses that are banned by default.

Addresses are those of documentation and benchmarks (RFC 2544, RFC 3849), which nobody has, but for the
banned one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from demo.catalog import FIRST_PRODUCT, Catalog
from demo.chance import Ints, generator, popular, weighted
from demo.market import CATEGORIES, CURRENT_END, HOURS

LINES_PER_SALE = 0.25
DAYS = 7
BANNED = "198.46.149.143"
"""The address that the platform bans by default; beside it the demo has one that merely begins like it."""
LIKE_BANNED = "198.46.149.14"

_SITE = "https://shop.example.com"
_ROBOTS = 0.18
_LATE = 0.04  # of the lines are written after younger ones, as several workers do


@dataclass(frozen=True)
class Client:
    """A browser or robot, and how often it comes."""

    agent: str
    share: float


_MOZILLA = "Mozilla/5.0 "
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) "
CLIENTS = (
    Client(f"{_MOZILLA}(Windows NT 10.0; Win64; x64) {_WEBKIT}Chrome/141.0.0.0 Safari/537.36", 30),
    Client(f"{_MOZILLA}(Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT}Chrome/141.0.0.0 Safari/537.36", 12),
    Client(f"{_MOZILLA}(X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", 6),
    Client(
        f"{_MOZILLA}(iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/18.6 Mobile/15E148 Safari/604.1",
        28,
    ),
    Client(f"{_MOZILLA}(Linux; Android 15; Pixel 9) {_WEBKIT}Chrome/141.0.0.0 Mobile Safari/537.36", 24),
    Client(
        f"{_MOZILLA}(iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/17.6 Mobile/15E148 Safari/604.1",
        7,
    ),
    Client(f"{_MOZILLA}(Linux; Android 14; SM-X710) {_WEBKIT}Chrome/140.0.0.0 Safari/537.36", 4),
    Client("-", 1),
)
ROBOTS = (
    Client(f"{_MOZILLA}(compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 5),
    Client(f"{_MOZILLA}(compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", 3),
    Client("curl/8.14.1", 1),
    Client("Feedly/1.0 (+http://www.feedly.com/fetcher.html; like FeedFetcher-Google)", 1),
)
_REFERERS = (
    ("-", 40),
    (f"{_SITE}/index.html", 30),
    ("https://www.google.com/", 20),
    ("https://duckduckgo.com/", 5),
    ("https://www.example.org/reviews?page=2", 5),
)
_PAGES = (
    ("/index.html", 10),
    ("/category/{category}.html", 15),
    ("/product/{product}.html", 27),
    ("/product/{product}.html?ref=mail", 3),
    ("/search?q={category}", 7),
    ("/images/{product}.jpg", 28),
    ("/style.css", 4),
    ("/shop.js", 4),
    ("/robots.txt", 2),
)
_STATUS = ((200, 88.0), (304, 6.0), (301, 1.5), (404, 3.5), (403, 0.3), (500, 0.7))


def accesslog_lines(seed: int, size: int, catalog: Catalog) -> Iterator[str]:
    """The lines of accesslog.txt; their number grows with that of the sales."""
    rng = generator(seed, "accesslog")
    count = max(40, int(size * LINES_PER_SALE))
    visitors = popular(rng, np.full(count, max(8, count // 6)))
    clients = _clients(seed, int(visitors.max()) + 1)
    malformed = count * 2 // 3
    drawn = zip(
        _seconds(rng, count).tolist(),
        visitors.tolist(),
        weighted(rng, [share for _, share in _STATUS], count).tolist(),
        weighted(rng, [share for _, share in _REFERERS], count).tolist(),
        weighted(rng, [share for _, share in _PAGES], count).tolist(),
        rng.integers(len(catalog.cents), size=count).tolist(),
        rng.lognormal(9.3, 1.0, size=count).tolist(),
        strict=True,
    )
    start = dt.datetime.combine(CURRENT_END, dt.time()) - dt.timedelta(DAYS)
    for number, (second, visitor, answer, referer, page, product, sent) in enumerate(drawn):
        status = _STATUS[answer][0]
        path = _PAGES[page][0].format(
            product=FIRST_PRODUCT + product, category=CATEGORIES[product % len(CATEGORIES)].name.lower()
        )
        line = (
            f"{_address(visitor)} - - [{start + dt.timedelta(seconds=second):%d/%b/%Y:%H:%M:%S} +0000]"
            f' "{"HEAD" if number % 97 == 0 else "GET"} {path} HTTP/1.1" {status}'
            f" {'-' if status == 304 or number % 97 == 0 else int(sent)}"
            f' "{"-" if clients[visitor] in ROBOTS else _REFERERS[referer][0]}" "{clients[visitor].agent}"'
        )
        # As a server that was stopped leaves it: without the end of the agent.
        yield f"{line[:-9]}\n" if number == malformed else f"{line}\n"


def _clients(seed: int, visitors: int) -> list[Client]:
    """What each visitor comes with, the same each time."""
    rng = generator(seed, "visitors")
    robots = rng.random(visitors) < _ROBOTS
    kinds = weighted(rng, [client.share for client in ROBOTS], visitors)
    browsers = weighted(rng, [client.share for client in CLIENTS], visitors)
    return [
        ROBOTS[kind] if is_robot else CLIENTS[browser]
        for is_robot, kind, browser in zip(robots, kinds, browsers, strict=True)
    ]


def _seconds(rng: np.random.Generator, count: int) -> Ints:
    """When in the week each line was written; some of them later than younger ones."""
    hours = rng.integers(DAYS, size=count) * 24 + weighted(rng, HOURS, count)
    seconds = np.sort(hours * 3600 + rng.integers(3600, size=count))
    return np.maximum(seconds - (rng.random(count) < _LATE) * rng.integers(1, 90, size=count), 0)


def _address(visitor: int) -> str:
    if visitor == 3:
        return BANNED
    if visitor == 5:
        return LIKE_BANNED
    if visitor % 7 == 0:
        return f"2001:db8::{visitor + 1:x}"
    return f"198.{18 + visitor // 65_536 % 2}.{visitor // 256 % 256}.{visitor % 256}"
