"""What drivers say of a TLS certificate that they do not trust, and what to do about it."""

from __future__ import annotations

import re

UNVERIFIED = "CERTIFICATE_VERIFY_FAILED"


def certificate_way_out(said: str, authority: str, any_name: str) -> str:
    """What to do about a certificate: it may be of an unknown authority, or made out for another name."""
    if re.search("mismatch|not valid for", said):
        return (
            f"name the host in the URL as the certificate does, or ask for {any_name}, which compares no name"
        )
    return f"name its CA's certificate with {authority} in the URL"
