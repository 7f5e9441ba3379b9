"""Networks. A model file knows nothing of training; options.py names them all, without torch."""
