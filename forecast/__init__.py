"""The sales forecast: cleaning, models, backtest, intervals, promotion, drift and registry. No Dagster in it.

Months are counted (`months.py`), series are rows of a `Panel` (`series.py`), a method is a function from a
panel and a horizon to forecasts. Heavy libraries (pyspark, statsforecast, mlflow) are imported where they are
used.
"""
