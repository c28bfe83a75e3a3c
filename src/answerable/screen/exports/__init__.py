"""Readers of real conversation exports: OpenAI's and Anthropic's JSON arrays, and plain JSON lines.

Law: every record is either read or reported with its line; none disappears (L10, L17).
"""
