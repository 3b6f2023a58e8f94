"""Commands for what runs beside the months: the UI, the database, the emulators, the machine. One module a command."""
