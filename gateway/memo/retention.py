"""What users read about how long something of their photos is kept."""

from gateway.settings import GatewaySettings


def describe_retention(settings: GatewaySettings) -> str:
    """Return what is kept of photos, where and for how long, in sentences for the page."""
    if not settings.memo_mb:
        return "Your photos make this one picture and are not kept."
    place = "on this server" if settings.memo_dir else "in this server's memory"
    return (
        "The files of your photos are not kept. What was computed from them, such as the photos at "
        f"another size and the cut-out garment, stays {place} for about "
        f"{_duration(settings.memo_seconds)}, so that the next picture takes less time."
    )


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
