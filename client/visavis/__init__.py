"""Client of a Visavis server: `Visavis(url, token)`; the command line is `visavis`."""

from visavis.client import Refused, Unreachable, Visavis
from visavis.gate import Gate, gate

__all__ = ["Gate", "Refused", "Unreachable", "Visavis", "gate"]
