"""What this process is."""

own = False
"""Whether it is pidcam's alone: the command, or a worker, and not somebody's notebook."""
