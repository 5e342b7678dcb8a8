"""Who differentiates: one file a framework. A new file with a ``Backend`` in it is found by itself."""
