"""The command line, installed with the extra ``cli``: ``pdsclient`` and its commands.

Each command is one coroutine; ``terminal.run`` turns how it ends into an exit status.
"""
