"""Who decides: answers against the truth, and printed values against it."""
