"""``python -m netspec.cli`` is the command ``netspec``."""

from netspec.cli import main

main()
