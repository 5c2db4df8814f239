"""`python -m softcart_assets.dbt.erd` writes the diagram into `docs`, for three kinds of reader.

`erd.svg` is the picture, `erd.mmd` is for mermaid and `star.pgerd` for pgAdmin's ERD tool. The same models
give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from softcart_assets.dbt.erd.mermaid import mermaid
from softcart_assets.dbt.erd.pgerd import pgerd
from softcart_assets.dbt.erd.picture import svg
from softcart_assets.dbt.loading import load_project

DOCS = Path(__file__).resolve().parents[3] / "docs"


def main() -> None:
    project = load_project()
    for name, draw in (("erd.svg", svg), ("erd.mmd", mermaid), ("star.pgerd", pgerd)):
        (DOCS / name).write_text(draw(project), encoding="utf-8")


if __name__ == "__main__":
    main()
