"""The ports: what Answerable asks of the operator's own systems, each a protocol with a stand-in.

Law: a port that cannot tell says NOT KNOWN; it never passes silence off as "no" (L10).
"""
