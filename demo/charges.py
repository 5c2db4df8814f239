"""The demo shop's charges, a file an hour in the object store. Some are corrected or refunded later, and a
few lines come in a file of a later hour than their own, behind a newer one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from demo.chance import generator
from demo.market import CURRENT_END

HOURS = 48
HEADER = "charge_id,sale,amount,currency,status,updated_at\n"
FIRST_CHARGE = 500_001
CURRENCIES = ("EUR", "USD", "GBP")


def charge_files(seed: int, size: int) -> dict[str, Iterator[str]]:
    """The files by their names below `charges`: the last `HOURS` hours of a shop of `size` current sales."""
    rng = generator(seed, "charges")
    end = dt.datetime.combine(CURRENT_END, dt.time(), dt.UTC)
    hours: list[list[str]] = [[] for _ in range(HOURS)]
    charge = FIRST_CHARGE
    for hour in range(HOURS):
        for _ in range(1 + int(rng.poisson(max(2, size // 2000)))):
            moment = end - dt.timedelta(hours=HOURS - hour) + dt.timedelta(seconds=int(rng.integers(3600)))
            sale, cents = int(rng.integers(1, size + 1)), int(rng.integers(900, 25_000))
            currency = CURRENCIES[int(rng.choice(3, p=[0.6, 0.3, 0.1]))]
            status = "failed" if rng.random() < 0.05 else "paid"
            # One in fifty comes hours late, when its correction may be there already.
            late = int(rng.integers(1, 6)) if rng.random() < 0.02 else 0
            arrives = min(hour + late, HOURS - 1)
            hours[arrives].append(_line(charge, sale, cents, currency, status, moment))
            if status == "paid" and rng.random() < 0.08:
                later = min(hour + int(rng.integers(1, 24)), HOURS - 1)
                changed = max(moment, end - dt.timedelta(hours=HOURS - later)) + dt.timedelta(seconds=1)
                refunded = rng.random() < 0.7
                again = "refunded" if refunded else "paid"
                cents = cents if refunded else max(100, cents - 500)
                hours[later].append(_line(charge, sale, cents, currency, again, changed))
            charge += 1
    return {
        f"charges/{end - dt.timedelta(hours=HOURS - hour):%Y-%m-%dT%H}.csv": iter([HEADER, *lines])
        for hour, lines in enumerate(hours)
    }


def _line(charge: int, sale: int, cents: int, currency: str, status: str, moment: dt.datetime) -> str:
    return f"{charge},{sale},{cents // 100}.{cents % 100:02},{currency},{status},{moment.isoformat()}\n"
