"""Networks. A model file knows nothing of training; entries.py names them all, without torch."""
