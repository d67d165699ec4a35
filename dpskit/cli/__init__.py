"""The ``dpskit`` command: one module per sub-command."""
