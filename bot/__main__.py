"""`python -m bot` is the `hedgelock` command."""

from bot.cli.command import main

if __name__ == "__main__":
    main()
