from ..search.part import WHOLE, Part, successor  # noqa

__all__ = ["WHOLE", "Part", "successor"]
