"""Text formats: `lines` of JSON, `tree` for nested JSON, `rows` for tables."""
