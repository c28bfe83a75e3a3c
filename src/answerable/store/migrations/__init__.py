"""Every change of the schema since version 1, one line of steps: each version has its `pre` and then its `post`."""
