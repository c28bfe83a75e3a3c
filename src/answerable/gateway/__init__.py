"""The gateway: an OpenAI-compatible proxy that asks the gate before it asks the model.

Law: it knows the gate and nothing of the record, so it protects while the record cannot be reached (L1).
"""

from answerable.gateway.app import Gateway, build

__all__ = ["Gateway", "build"]
