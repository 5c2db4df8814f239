"""What visitors search for, analysed in Spark: `tables` are the results, `analysis` computes them.

Every figure is a whole number, a decimal or a double that is rounded by a rule, so the results are the same
wherever the lake is and however Spark parts the work.
"""
