"""Which backend runs, and what each does where others are missing."""
