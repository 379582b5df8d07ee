"""What an analyst reads: one page an earthquake, and the same as GeoJSON and CSV."""
