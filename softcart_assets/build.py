"""The single assembler of the definitions."""

from dagster import Definitions


def build_defs() -> Definitions:
    """All assets, checks, jobs, schedules, sensors and resources of the platform."""
    return Definitions()
