"""The pure core: facts in, facts out; no clock, no chance, no disk, no network."""
