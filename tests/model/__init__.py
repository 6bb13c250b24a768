"""Parameters, groups and step counts; a change, or a step, is whole or has not begun."""
