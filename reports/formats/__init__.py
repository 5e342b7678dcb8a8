"""A run for other programs and places: a form a file, each a function ``write`` like that of the page."""
