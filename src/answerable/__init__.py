"""Answerable: software that makes somebody answerable when a user becomes dangerous to a real person."""
