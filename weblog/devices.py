"""The class of device behind a user agent: phone, tablet, computer or robot; unknown where the agent tells
none."""

from __future__ import annotations

from functools import lru_cache

PHONE, TABLET, COMPUTER, ROBOT, UNKNOWN = DEVICES = ("phone", "tablet", "computer", "robot", "unknown")
NO_AGENT = frozenset(("", "-"))
# Families of ua-parser's rules, https://github.com/ua-parser/uap-core.
_SPIDER = "Spider"
_PHONES = frozenset(("Generic Smartphone", "Generic Feature Phone"))
_TABLETS = ("iPad", "Kindle", "Generic Tablet", "PlayBook", "BlackBerry Playbook")
_PHONE_SYSTEMS = frozenset(
    (
        "iOS", "Windows Phone", "Windows Mobile", "BlackBerry OS", "Symbian OS", "Symbian^3", "Firefox OS",
        "KaiOS", "Bada", "Maemo", "MeeGo", "webOS", "Brew MP",
    )
)  # fmt: skip
_NEITHER = frozenset(("tvOS", "ATV OS X", "WatchOS", "Chromecast", "Roku", "PlayStation", "Xbox", "Other"))


@lru_cache(maxsize=50_000)
def device_class(agent: str) -> str:
    """One of `DEVICES`, by the rules of CrawlerDetect for robots (feed readers and tools among them) and
    those of ua-parser for the rest."""
    if agent in NO_AGENT:
        return UNKNOWN
    from ua_parser import parse

    found = parse(agent)
    device = found.device.family if found.device else None
    system = found.os.family if found.os else None
    if device == _SPIDER or _is_crawler(agent):
        return ROBOT
    if system == "Android":
        return TABLET if _is_android_tablet(device, agent) else PHONE
    if device and device.startswith(_TABLETS):
        return TABLET
    if device in _PHONES or system in _PHONE_SYSTEMS:
        return PHONE
    if system is None:
        # A handset that names itself and no system.
        return PHONE if device and device != "Other" else UNKNOWN
    return UNKNOWN if system in _NEITHER else COMPUTER


def _is_android_tablet(device: str | None, agent: str) -> bool:
    """A browser on a phone says Mobile, one on a tablet does not:
    https://developer.chrome.com/docs/multidevice/user-agent."""
    if device and device.startswith(_TABLETS):
        return True
    return agent.startswith("Mozilla/") and "Mobile" not in agent


def _is_crawler(agent: str) -> bool:
    return bool(_crawler_detect().isCrawler(agent))


@lru_cache(maxsize=1)
def _crawler_detect():  # type: ignore[no-untyped-def]
    from crawlerdetect import CrawlerDetect

    return CrawlerDetect()
