"""The atlas is one offline page that shows the papers' claims, figures and runs, and one table of the runs' metrics."""
