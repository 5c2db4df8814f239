"""The star in mermaid's words, which GitHub and many editors draw."""

from __future__ import annotations

from softcart_assets.dbt.erd.layout import key_badge, shown_columns, star_models
from softcart_assets.dbt.graph import Project


def mermaid(project: Project) -> str:
    facts, dimensions = star_models(project)
    lines = ["erDiagram"]
    for model in facts:
        for key in model.foreign_keys:
            lines.append(f"    {model.name} }}o--|| {key.model} : {', '.join(key.columns)}")
    for model in (*facts, *dimensions):
        lines.append(f"    {model.name} {{")
        for column in shown_columns(model):
            # mermaid's types know no comma.
            type_name = column.type.partition("(")[0]
            badge = key_badge(model, column.name)
            description = column.description.replace('"', "'")
            lines.append(f'        {" ".join(filter(None, [type_name, column.name, badge]))} "{description}"')
        lines.append("    }")
    return "\n".join([*lines, ""])
