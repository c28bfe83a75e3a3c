"""The pure gate of Answerable: what is in force for an account, decided without a network."""
