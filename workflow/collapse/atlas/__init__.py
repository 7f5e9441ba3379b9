"""The atlas: one offline page of all papers, claims, figures and runs, and one table of all their metrics."""
