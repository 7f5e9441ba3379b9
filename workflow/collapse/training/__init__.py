"""Training: the loop (loop), and one run from prepared data to files (run)."""
