"""Lines of a web log in the combined format."""

from __future__ import annotations

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.6 Mobile/15E148 Safari/604.1"
)
COMPUTER = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def line(
    address: str = "198.18.0.1",
    time: str = "17/May/2015:10:05:03 +0000",
    request: str = "GET /index.html HTTP/1.1",
    status: int = 200,
    sent: str = "1500",
    referer: str = "-",
    agent: str = COMPUTER,
) -> str:
    return f'{address} - - [{time}] "{request}" {status} {sent} "{referer}" "{agent}"\n'
