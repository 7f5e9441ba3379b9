"""When a network is measured."""


def measured_epochs(epochs: int, count: int) -> tuple[int, ...]:
    """Log-spaced epochs, counted from 1: the 50 of Papyan et al. 2020 (their notebook) for epochs 350, count 50.

    Each point is the previous one times the ratio that would reach `epochs` with the points that are left, but at least
    one more than the previous: consecutive epochs first, then a geometric progression, rounded to whole epochs.

    Returns min(count, epochs) increasing epochs from 1 to `epochs`; one alone is the last. Raises ValueError unless
    both are positive.
    """
    if epochs < 1 or count < 1:
        raise ValueError(f"epochs ({epochs}) and the count of measurements ({count}) must be positive")
    count = min(count, epochs)
    if count == 1:
        return (epochs,)
    points = [1.0]
    for left in range(count - 1, 0, -1):
        previous = points[-1]
        points.append(max(previous * (epochs / previous) ** (1 / left), previous + 1))
    return tuple(int(point + 0.5) for point in points)
