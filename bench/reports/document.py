"""Put generated tables into documents, between marks."""

from typing import Final

END: Final = "<!-- end of table -->"
"""The mark below every table."""


class MarkMissing(ValueError):
    """A document has no place for a table."""


def replace_table(document: str, name: str, content: str) -> str:
    """Return the document with ``content`` in place of the table of that name.

    The table stands between the lines ``<!-- table: NAME -->`` and ``<!-- end of table -->``.
    Everything else stays. Raises MarkMissing.
    """
    begin = f"<!-- table: {name} -->\n"
    before, mark, rest = document.partition(begin)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise MarkMissing(
            f"The document has no place for the table {name}; add the lines {begin.strip()} and "
            f"{END} where it belongs."
        )
    return f"{before}{begin}{content}{END}{after}"
