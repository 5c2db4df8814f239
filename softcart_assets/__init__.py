"""The asset graph: one module a stage of the data's way."""
