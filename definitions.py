"""The code location that workspace.yaml and the dagster CLI load."""

from softcart_assets.build import build_defs

defs = build_defs()
