"""The commands: one file each. Only typer and the lightest modules are imported at their tops, so that `kcheck --help` answers at once."""
