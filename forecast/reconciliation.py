"""Categories that add up to their total.

MinT with variances (Wickramasuriya, Athanasopoulos and Hyndman 2019, "WLS_v"): the forecasts of the
categories and of the total are moved to the nearest ones that add up, those the least that were right most
often. For one total it is a division of the difference, which needs no library.
"""

from __future__ import annotations

import numpy as np

from forecast.months import Floats


def reconcile(forecast: Floats, variances: Floats) -> Floats:
    """Forecasts that add up, the total being the last row; `variances` are of each row's past errors.

    A row of variance zero keeps what it has. Where all are zero the total follows the categories.
    """
    categories, total = forecast[:-1], forecast[-1]
    if variances.sum() <= 0:
        moved = categories
    else:
        difference = total - categories.sum(axis=0)
        shares = variances[:-1] / variances.sum()
        moved = categories + shares[:, np.newaxis] * difference
    return np.vstack([moved, moved.sum(axis=0)])
