"""Networks. A model file knows nothing of training. Importing this package is cheap: torch comes with its modules."""

from collapse.models.options import OPTIONS

NAMES = tuple(OPTIONS)
