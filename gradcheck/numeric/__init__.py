"""Derivatives from function values alone: differences with an error bar, noise level, complex step."""
