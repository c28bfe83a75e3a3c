"""`python -m answerable`: the same command line."""

from answerable.cli import main

if __name__ == "__main__":
    main()
