"""Who reads which torch function: every file registers its own, and no list names it."""
