"""The work behind the command: tables in, files and a summary out."""
