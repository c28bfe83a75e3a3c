"""Work: the one writer of a process, and the loops that write down what time brings; no law depends on them (L1)."""
