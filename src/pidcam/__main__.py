"""`python -m pidcam`, where the command is not on the path."""

from pidcam.cli.main import main

main()
