"""The screen: what is read out of conversations, and the readers that bring conversations in.

Law: what was not read or not understood is said to be so, never passed off as clear (L10).
"""
