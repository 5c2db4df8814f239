"""Why a collection's validator refuses a document, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from landing.values import shown

VALIDATION_FAILURE = 121


def reason_of(refusal: Mapping[str, Any]) -> str:
    """The reason in a write error, as MongoDB 5 and later explain it in `errInfo.details`:
    https://www.mongodb.com/docs/manual/core/schema-validation/handle-invalid-documents/"""
    if refusal.get("code") != VALIDATION_FAILURE:
        return str(refusal.get("errmsg", "the server refuses it"))
    details = refusal.get("errInfo", {}).get("details", {})
    return "; ".join(_reasons(details)) or "it does not fit the collection's schema"


def _reasons(rule: Mapping[str, Any]) -> Iterator[str]:
    """The reasons in a failed rule and the rules inside it; a property's own description says it best."""
    if missing := rule.get("missingProperties"):
        yield f"lacks {', '.join(missing)}"
    values = [
        shown(str(detail["consideredValue"]))
        for detail in rule.get("details", ())
        if "consideredValue" in detail
    ]
    if rule.get("description") and values:
        yield f"{rule['description']}; it is {values[0]}"
        return
    if "consideredValue" in rule:
        yield f"{rule.get('reason', 'it does not fit')}: {shown(str(rule['consideredValue']))}"
    for inner in ("schemaRulesNotSatisfied", "propertiesNotSatisfied", "details"):
        for part in rule.get(inner, ()):
            yield from _reasons(part)
