"""Reports of what was measured: tables, pages and contact sheets."""
