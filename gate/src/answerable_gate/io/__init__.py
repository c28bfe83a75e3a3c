"""What touches keys, files and the network; each module says which extra it needs where that is missing.

Law: nothing of the pure gate imports from here.
"""
