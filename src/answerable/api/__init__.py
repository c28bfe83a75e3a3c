"""The api: the way in for machines, for staff with a token, and for gates; HTTP and JSON, no pages."""

from answerable.api.routes import build
from answerable.api.state import Inlet

__all__ = ["Inlet", "build"]
