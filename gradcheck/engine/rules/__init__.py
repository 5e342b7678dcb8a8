"""The table of derivatives: one primitive, one entry; a new file here is found by itself."""
